import { formatInstant } from '../../manifests/fields.ts'
import { parseDuration } from './parse-duration.ts'
import { quote } from './setting-parsers.ts'

/** `24h` before now, a day, or an instant; both in UTC. */
export function parseSince(text: string): (now: Date) => Date {
  if (/^\d+ ?[smhd]$/.test(text)) {
    const seconds = parseDuration(text)
    return (now) => new Date(now.getTime() - seconds * 1000)
  }
  const instant = new Date(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text)
  const isExact = !Number.isNaN(instant.getTime()) && formatInstant(instant).startsWith(text.slice(0, 20))
  if (isExact && /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}Z)?$/.test(text)) return () => instant
  throw new Error(`${quote(text)} is no time; write 24h, 2026-01-31 or 2026-01-31T23:59:59Z`)
}
