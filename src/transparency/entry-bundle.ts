const lengthBytes = 2
const maxEntryBytes = 0xffff

/** No bundle is longer: 256 entries of the longest kind. */
export const maxBundleBytes = 256 * (lengthBytes + maxEntryBytes)

/** Entries, each behind its length in two bytes, the higher first (C2SP tlog-tiles, "Log entries"). */
export function encodeBundle(entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat(entries.flatMap((entry) => [lengthOf(entry), entry]))
}

/** Undefined when the bytes are not exactly `count` entries. */
export function decodeBundle(bytes: Uint8Array, count: number): Buffer[] | undefined {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: Buffer[] = []
  let at = 0
  while (entries.length < count && at + lengthBytes <= whole.length) {
    const end = at + lengthBytes + whole.readUInt16BE(at)
    if (end > whole.length) return undefined
    entries.push(whole.subarray(at + lengthBytes, end))
    at = end
  }
  return entries.length === count && at === whole.length ? entries : undefined
}

function lengthOf(entry: Uint8Array): Buffer {
  if (entry.length > maxEntryBytes) throw new RangeError(`an entry of ${entry.length} bytes`)
  const bytes = Buffer.alloc(lengthBytes)
  bytes.writeUInt16BE(entry.length)
  return bytes
}
