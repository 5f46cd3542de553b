/**
 * The results of `work` for each item, in the items' order, with up to `limit` at work at once. Nothing is started
 * after a failure, and none is left running when the caller stops early.
 */
export async function* mapInOrder<Item, Result>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const started: Promise<Result>[] = []
  const iterator = items[Symbol.iterator]()
  const startNext = (): void => {
    const next = iterator.next()
    if (next.done === true) return
    const result = work(next.value)
    result.catch(() => undefined)
    started.push(result)
  }
  try {
    for (let i = 0; i < limit; i++) startNext()
    for (let first = started.shift(); first !== undefined; first = started.shift()) {
      const result = await first
      startNext()
      yield result
    }
  } finally {
    await Promise.allSettled(started)
  }
}
