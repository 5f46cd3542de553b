import { parseBytes } from './parse-bytes.ts'
import { quote } from './setting-parsers.ts'

/** Bytes a second: `10MB/s`, `500kB`. */
export function parseRate(text: string): number {
  const bytes = parseBytes(text.replace(/ ?\/ ?s$/, ''))
  if (bytes > 0) return bytes
  throw new Error(`${quote(text)} would let nothing pass; write 10MB/s`)
}
