import { maxXattrNameBytes } from './entry-limits.ts'

export const xattrNameRule = `is not a namespace, a dot and a name: 3 to ${maxXattrNameBytes} bytes of UTF-8, no NUL`

/** Whether some text may name an extended attribute (format §3.3.6). */
export function isXattrName(name: string): boolean {
  // oxlint-disable-next-line no-control-regex -- NUL is what it must not contain
  if (!/^[^.\0]+\.[^\0]+$/.test(name) || !name.isWellFormed()) return false
  return Buffer.byteLength(name) <= maxXattrNameBytes
}
