import { ByteSplicer } from './byte-splicer.ts'
import { PackError } from './errors.ts'
import { maxRepackedBytes } from './pack-limits.ts'

/**
 * A manifest in the form in which two of them differ least (format, "Manifests in packs"). Its lines come first,
 * without their digests and with each `offset` counted from the end of the contents before, so that a file that grew
 * does not change every line after it; then the digests, 32 bytes each, which nothing can shorten.
 */
export function toColumns(manifest: Uint8Array): Uint8Array | undefined {
  if (manifest.length > maxRepackedBytes) return undefined
  const lines = bufferOf(manifest)
  // A digest's text is longer than its bytes and all that an offset can grow by: the columns need no more room.
  const columns = Buffer.allocUnsafe(headBytes + lines.length)
  const digests = Buffer.allocUnsafe(Math.ceil(lines.length / digestTextBytes) * digestBytes)
  const text = new ByteSplicer(lines, 0, lines.length, columns, headBytes)
  let digestsEnd = 0
  let contentEnd = 0
  for (let start = 0, end = 0; start < lines.length; start = end + 1) {
    end = lineEnd(lines, start, lines.length)
    const line = lines.toString('latin1', start, end)
    const digest = digestMember.exec(line)
    if (digest === null) continue
    digestsEnd += digests.write(digest[1] as string, digestsEnd, 'hex')
    const at = start + digest.index + emptyMember.length - 1
    const edit = { start: at, end: at + digestTextBytes, text: '' }
    contentEnd = moveLine(text, { line, start }, edit, contentEnd, -1)
  }
  const textEnd = text.finish()
  columns.writeUInt32LE(textEnd - headBytes)
  digests.copy(columns, textEnd, 0, digestsEnd)
  const length = textEnd + digestsEnd
  return length <= maxRepackedBytes ? columns.subarray(0, length) : undefined
}

/** The columns, if the manifest can be made of them again, as every manifest that Vend writes can. */
export function provedColumns(manifest: Uint8Array): Uint8Array | undefined {
  const columns = toColumns(manifest)
  return columns !== undefined && isMadeOf(manifest, columns) ? columns : undefined
}

function isMadeOf(manifest: Uint8Array, columns: Uint8Array): boolean {
  try {
    return Buffer.compare(fromColumns(columns, manifest.length), manifest) === 0
  } catch (error) {
    if (error instanceof PackError) return false
    throw error
  }
}

/** The manifest of `size` bytes. Throws PACK_CORRUPT. */
export function fromColumns(columns: Uint8Array, size: number): Uint8Array {
  const bytes = bufferOf(columns)
  const textEnd = bytes.length < headBytes ? Infinity : headBytes + bytes.readUInt32LE()
  if (textEnd > bytes.length) throw corrupt()
  const manifest = Buffer.allocUnsafe(size)
  const text = new ByteSplicer(bytes, headBytes, textEnd, manifest, 0)
  let digest = textEnd
  let contentEnd = 0
  for (let start = headBytes, end = 0; start < textEnd; start = end + 1) {
    end = lineEnd(bytes, start, textEnd)
    const line = bytes.toString('latin1', start, end)
    const member = line.indexOf(emptyMember)
    if (member === -1) continue
    if (digest + digestBytes > bytes.length) throw corrupt()
    const at = start + member + emptyMember.length - 1
    const hex = bytes.toString('hex', digest, digest + digestBytes)
    contentEnd = moveLine(text, { line, start }, { start: at, end: at, text: algorithm + hex }, contentEnd, 1)
    digest += digestBytes
  }
  if (text.finish() !== size || digest !== bytes.length) throw corrupt()
  return manifest
}

const headBytes = 4
const digestBytes = 32
const algorithm = 'sha256:'
const digestTextBytes = algorithm.length + 2 * digestBytes
const digestMember = /"digest":"sha256:([0-9a-f]{64})"/
const emptyMember = '"digest":""'
const offsetName = '"offset":'
const offsetMember = /"offset":(-?\d{1,16})/
const sizeMember = /"size":(\d{1,16})/
const newline = 0x0a

interface Line {
  readonly line: string
  readonly start: number
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/**
 * Writes a line with its digest edited, and with what is expected of its offset subtracted (-1) or added again (1).
 * A line of the chunk table has no offset. Returns where the contents of the lines so far end.
 */
function moveLine(
  text: ByteSplicer,
  { line, start }: Line,
  digest: Edit,
  contentEnd: number,
  sign: 1 | -1,
): number {
  const written = offsetMember.exec(line)
  if (written === null) {
    text.replace(digest.start, digest.end, digest.text)
    return contentEnd
  }
  const value = Number(written[1])
  const moved = value + sign * contentEnd
  const at = start + written.index + offsetName.length
  const offset = { start: at, end: start + written.index + written[0].length, text: String(moved) }
  const [first, second] = offset.start < digest.start ? [offset, digest] : [digest, offset]
  text.replace(first.start, first.end, first.text)
  text.replace(second.start, second.end, second.text)
  const size = Number(sizeMember.exec(line)?.[1] ?? 0)
  return Math.max(contentEnd, (sign === 1 ? moved : value) + size)
}

function lineEnd(bytes: Buffer, start: number, textEnd: number): number {
  const end = bytes.indexOf(newline, start)
  return end === -1 || end > textEnd ? textEnd : end
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function corrupt(): PackError {
  return new PackError('PACK_CORRUPT', 'the pack has a manifest whose columns do not fit each other')
}
