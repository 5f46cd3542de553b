import { quote } from './setting-parsers.ts'

/** A whole number of 1 or more, as of threads. */
export function parseCount(text: string): number {
  const count = /^[1-9]\d{0,5}$/.test(text) ? Number(text) : undefined
  if (count !== undefined) return count
  throw new Error(`${quote(text)} is not a number; write 1 or more`)
}
