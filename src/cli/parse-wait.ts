import { parseDuration } from './parse-duration.ts'

/** As a duration, in seconds; `0s` too. */
export function parseWait(text: string): number {
  return /^0 ?[smhd]$/.test(text) ? 0 : parseDuration(text)
}
