const units = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
] as const

/** Seconds as they are written for `parseDuration`: `7d`, `36h`, `90m`, `5s`. */
export function formatTerm(seconds: number): string {
  const [unit, length] = units.find(([, one]) => seconds >= one && seconds % one === 0) ?? ['s', 1]
  return `${seconds / length}${unit}`
}
