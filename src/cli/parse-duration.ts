import { quote } from './setting-parsers.ts'

const unitSeconds = { s: 1, m: 60, h: 3600, d: 86_400 } as const
const maxDays = 366

/** `90s`, `30m`, `48h` or `7d` in seconds, from 1 second to a year. */
export function parseDuration(text: string): number {
  const [, digits, unit] = /^(\d{1,8}) ?([smhd])$/.exec(text) ?? []
  const seconds = Number(digits) * unitSeconds[(unit ?? 's') as keyof typeof unitSeconds]
  if (seconds >= 1 && seconds <= maxDays * unitSeconds.d) return seconds
  throw new Error(`${quote(text)} is not a time; write 30m, 48h or 7d, at most ${maxDays} days`)
}
