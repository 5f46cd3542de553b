/** A record of a PAX extended header (POSIX pax, "pax Extended Header"); the value is bytes. */
export interface PaxRecord {
  readonly key: string
  readonly value: Buffer
}

const longestLength = 9
const [space, equals, newline] = [0x20, 0x3d, 0x0a]

/** Every record in turn. Throws an Error that says in words what is wrong. */
export function* paxRecords(bytes: Buffer): Generator<PaxRecord, void, undefined> {
  for (let start = 0; start < bytes.length;) {
    const { length, textStart } = lengthAt(bytes, start)
    const end = start + length
    if (end > bytes.length) throw new Error(`a record of ${length} bytes reaches past the end of the header`)
    if (end <= textStart) throw new Error(`a record of ${length} bytes is shorter than what says so`)
    if (bytes[end - 1] !== newline) throw new Error(`a record of ${length} bytes does not end with a newline`)
    const text = bytes.subarray(textStart, end - 1)
    const at = text.indexOf(equals)
    if (at === -1) throw new Error('a record has no "="')
    if (at === 0) throw new Error('a record has no key')
    yield { key: text.toString('latin1', 0, at), value: text.subarray(at + 1) }
    start = end
  }
}

function lengthAt(bytes: Buffer, start: number): { readonly length: number; readonly textStart: number } {
  const at = bytes.subarray(start, start + longestLength + 1).indexOf(space)
  const digits = bytes.toString('latin1', start, start + Math.max(at, 0))
  if (!/^[1-9]\d*$/.test(digits)) throw new Error('a record does not begin with its length')
  return { length: Number(digits), textStart: start + at + 1 }
}
