import type { ByteRange } from '../../storage/blob-store.ts'

/**
 * The part that a Range header asks for of a body of `bytes` bytes; undefined for all of it, which is also the
 * answer to several ranges, to other units and to what is no range at all (RFC 9110 §14.2).
 */
export function requestedRange(header: string | undefined, bytes: number): ByteRange | 'outside' | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '')
  const [first, last] = [match?.[1] ?? '', match?.[2] ?? '']
  if (first !== '') return fromStart(Number(first), last === '' ? Infinity : Number(last), bytes)
  return last === '' ? undefined : suffix(Number(last), bytes)
}

function fromStart(first: number, last: number, bytes: number): ByteRange | 'outside' | undefined {
  if (last < first) return undefined
  return first >= bytes ? 'outside' : { start: first, end: Math.min(last + 1, bytes) }
}

function suffix(length: number, bytes: number): ByteRange | 'outside' | undefined {
  if (length === 0) return 'outside'
  return bytes === 0 ? undefined : { start: Math.max(0, bytes - length), end: bytes }
}
