import type { ByteRange } from './blob-store.ts'
import { RangeOutsideBlobError } from './errors.ts'

/**
 * The bytes that a caller asked for, cut to the blob's end; all of them without a range. Throws a
 * RangeOutsideBlobError when the range begins at or after the blob's end.
 */
export function resolveRange(
  store: string,
  key: string,
  range: ByteRange | undefined,
  bytes: number,
): ByteRange {
  if (range === undefined) return { start: 0, end: bytes }
  checkRange(range)
  if (range.start >= bytes) throw new RangeOutsideBlobError(store, key, bytes)
  return { start: range.start, end: Math.min(range.end, bytes) }
}

/** Throws a RangeError, a fault of the caller's code, on what is no range of any blob. `end` may be Infinity. */
export function checkRange({ start, end }: ByteRange): void {
  const valid =
    Number.isSafeInteger(start) &&
    (Number.isSafeInteger(end) || end === Number.POSITIVE_INFINITY) &&
    start >= 0 &&
    start < end
  if (!valid) throw new RangeError(`not a byte range: ${start} to ${end}`)
}
