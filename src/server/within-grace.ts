/** Waits for work that ends by itself, but no longer than `graceMs`; `onLate` is told when it did not end in that time. */
export async function withinGrace(
  work: Promise<void>,
  graceMs: number,
  onLate: () => void = () => undefined,
): Promise<void> {
  const { promise: grace, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(() => {
    onLate()
    resolve()
  }, graceMs)
  try {
    await Promise.race([work, grace])
  } finally {
    clearTimeout(timer)
  }
}
