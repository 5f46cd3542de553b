import { PackError } from './errors.ts'
import { maxRepackedBytes } from './pack-limits.ts'

/**
 * A manifest in the form in which two of them differ least (format, "Manifests in packs"). Its lines come first,
 * without their digests and with each `offset` counted from the end of the contents before, so that a file that grew
 * does not change every line after it; then the digests, 32 bytes each, which nothing can shorten.
 */
export function toColumns(manifest: Uint8Array): Uint8Array | undefined {
  if (manifest.length > maxRepackedBytes) return undefined
  const digests: Buffer[] = []
  const text = mapLines(Buffer.from(manifest).toString('latin1'), (line, end) => {
    const digest = digestMember.exec(line)?.[1]
    if (digest === undefined) return { line, end }
    digests.push(Buffer.from(digest, 'hex'))
    return moveOffset(line.replace(digestMember, emptyMember), end, -1)
  })
  const head = Buffer.alloc(headBytes)
  head.writeUInt32LE(text.length)
  const columns = Buffer.concat([head, Buffer.from(text, 'latin1'), ...digests])
  return columns.length <= maxRepackedBytes ? columns : undefined
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
  const bytes = Buffer.from(columns.buffer, columns.byteOffset, columns.byteLength)
  const textEnd = bytes.length < headBytes ? Infinity : headBytes + bytes.readUInt32LE()
  if (textEnd > bytes.length) throw corrupt()
  let at = textEnd
  const manifest = mapLines(bytes.toString('latin1', headBytes, textEnd), (line, end) => {
    if (!line.includes(emptyMember)) return { line, end }
    if (at + digestBytes > bytes.length) throw corrupt()
    const digest = bytes.toString('hex', at, at + digestBytes)
    at += digestBytes
    return moveOffset(line.replace(emptyMember, `"digest":"sha256:${digest}"`), end, 1)
  })
  if (at !== bytes.length || manifest.length !== size) throw corrupt()
  return Buffer.from(manifest, 'latin1')
}

const headBytes = 4
const digestBytes = 32
const digestMember = /"digest":"sha256:([0-9a-f]{64})"/
const emptyMember = '"digest":""'
const offsetMember = /"offset":(-?\d{1,16})/
const sizeMember = /"size":(\d{1,16})/

interface MovedLine {
  readonly line: string
  /** Where the contents of the lines so far end. */
  readonly end: number
}

function mapLines(text: string, map: (line: string, end: number) => MovedLine): string {
  const lines = text.split('\n')
  let end = 0
  return lines
    .map((line) => {
      const moved = map(line, end)
      end = moved.end
      return moved.line
    })
    .join('\n')
}

/** Subtracts (-1) what is expected of an offset, or adds it again (1). A line of the chunk table has none. */
function moveOffset(line: string, end: number, sign: 1 | -1): MovedLine {
  const written = offsetMember.exec(line)?.[1]
  if (written === undefined) return { line, end }
  const moved = Number(written) + sign * end
  const offset = sign === 1 ? moved : Number(written)
  const size = Number(sizeMember.exec(line)?.[1] ?? 0)
  return { line: line.replace(offsetMember, `"offset":${moved}`), end: Math.max(end, offset + size) }
}

function corrupt(): PackError {
  return new PackError('PACK_CORRUPT', 'the pack has a manifest whose columns do not fit each other')
}
