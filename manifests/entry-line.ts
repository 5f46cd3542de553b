import * as z from 'zod'
import { canonicalJson } from './canonical-json.ts'
import { emptyDigest } from './digest.ts'
import { readDocument } from './document.ts'
import { noXattrs } from './entry.ts'
import type { Entry, FileEntry, Metadata, Mtime, SparseMap, Xattrs } from './entry.ts'
import { maxId, maxNanos, maxXattrBytes } from './entry-limits.ts'
import { FormatError } from './errors.ts'
import { byteStringField, decodeByteString, digestField, encodeByteString, naturalField } from './fields.ts'
import { lineText } from './line-text.ts'
import { scanEntry } from './scan-entry.ts'
import { maxPathBytes, parseTreePath } from './tree-path.ts'
import { isXattrName, xattrNameRule } from './xattr-name.ts'

/** What JSON writes as it is. */
const plainText = /^[ !#-[\]-~]*$/

/** A scanned line stays in memory whole for as long as its path or its digest does, being cut out of it. */
const maxScannedBytes = 8192

const idField = naturalField.max(maxId)
const modeField = z.string().regex(/^[0-7]{4}$/, 'is not four octal digits')

const xattrNameField = z.string().refine(isXattrName, xattrNameRule)

const ownership = {
  gid: idField,
  mtime: z.int(),
  mtimeNanos: naturalField.max(maxNanos).optional(),
  path: byteStringField,
  uid: idField,
  xattrs: z.record(xattrNameField, z.base64()).optional(),
}
const metadata = { ...ownership, mode: modeField }

const sparseField = z.strictObject({
  data: z.array(z.tuple([naturalField, z.int().min(1)])),
  size: naturalField,
})

const lineSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('file'),
    ...metadata,
    digest: digestField,
    offset: naturalField,
    size: naturalField,
    sparse: sparseField.optional(),
  }),
  z.strictObject({ type: z.literal('directory'), ...metadata }),
  z.strictObject({ type: z.literal('symlink'), ...ownership, target: byteStringField }),
  z.strictObject({ type: z.literal('hardlink'), path: byteStringField, target: byteStringField }),
  z.strictObject({
    type: z.enum(['block', 'character']),
    ...metadata,
    device: z.strictObject({
      major: naturalField.max(0xff_ff_ff_ff),
      minor: naturalField.max(0xff_ff_ff_ff),
    }),
  }),
  z.strictObject({ type: z.literal('fifo'), ...metadata }),
])

type Line = z.output<typeof lineSchema>
type OwnedLine = Exclude<Line, { type: 'hardlink' }>

const entryDocument = { name: 'manifest entry', schema: lineSchema, decode: decodeLine, encode: encodeEntry }

/**
 * One entry from its line, the bytes from `start` to `end`, without the newline (format §3.3). Throws a FormatError.
 */
export function decodeEntry(bytes: Uint8Array, start = 0, end = bytes.length): Entry {
  const scanned = end - start <= maxScannedBytes ? scanEntry(lineText(bytes, start, end)) : undefined
  return scanned ?? readEntry(bytes.subarray(start, end))
}

/** The same of any line by its schema, which can say what is wrong with one, and takes several times as long. */
export function readEntry(line: Uint8Array): Entry {
  return readDocument(line, entryDocument)
}

/**
 * The line of an entry, without the newline. Its members are written out in their canonical order: a tree has a
 * million of these lines.
 */
export function encodeEntry(entry: Entry): string {
  const path = encodeBytes(entry.path)
  if (entry.type === 'hardlink') {
    return `{"path":${path},"target":${encodeBytes(entry.target)},"type":"hardlink"}`
  }
  const file = entry.type === 'file' ? entry : undefined
  const device = 'device' in entry ? `"device":${canonicalJson({ ...entry.device })},` : ''
  const digest = file === undefined ? '' : `"digest":"${file.digest}",`
  const mode = 'mode' in entry ? `"mode":"${entry.mode.toString(8).padStart(4, '0')}",` : ''
  const nanos = entry.mtime.nanos === 0 ? '' : `"mtimeNanos":${canonicalJson(entry.mtime.nanos)},`
  const offset = file === undefined ? '' : `"offset":${canonicalJson(file.offset)},`
  const size = file === undefined ? '' : `"size":${canonicalJson(file.size)},${encodeSparse(file.sparse)}`
  const target = entry.type === 'symlink' ? `"target":${encodeBytes(entry.target)},` : ''
  return (
    `{${device}${digest}"gid":${canonicalJson(entry.gid)},${mode}` +
    `"mtime":${canonicalJson(entry.mtime.seconds)},${nanos}${offset}"path":${path},${size}${target}` +
    `"type":"${entry.type}","uid":${canonicalJson(entry.uid)}${encodeXattrs(entry.xattrs)}}`
  )
}

function encodeBytes(byteString: string): string {
  if (plainText.test(byteString)) return `"${byteString}"`
  return canonicalJson(encodeByteString(byteString))
}

function encodeSparse(sparse: SparseMap | undefined): string {
  return sparse === undefined ? '' : `"sparse":${canonicalJson({ data: sparse.data, size: sparse.size })},`
}

function encodeXattrs(xattrs: Xattrs): string {
  if (xattrs.size === 0) return ''
  const members = [...xattrs].map(([name, value]) => [name, Buffer.from(value).toString('base64')] as const)
  return `,"xattrs":${canonicalJson(Object.fromEntries(members))}`
}

function decodeLine(line: Line): Entry {
  const path = parseTreePath(decodeByteString(line.path))
  if (line.type === 'hardlink') return decodeHardlink(line, path)
  const owner = {
    path,
    uid: line.uid,
    gid: line.gid,
    mtime: decodeMtime(line),
    xattrs: decodeXattrs(line.xattrs),
  }
  if (line.type === 'symlink') return { ...owner, type: line.type, target: decodeLinkText(line) }
  const common: Metadata & { path: typeof path } = { ...owner, mode: Number.parseInt(line.mode, 8) }
  switch (line.type) {
    case 'file':
      return checkContent({
        ...common,
        type: line.type,
        size: line.size,
        digest: line.digest,
        offset: line.offset,
        ...(line.sparse !== undefined && { sparse: line.sparse }),
      })
    case 'block':
    case 'character':
      return { ...common, type: line.type, device: line.device }
    case 'directory':
    case 'fifo':
      return { ...common, type: line.type }
  }
}

function decodeHardlink(line: Extract<Line, { type: 'hardlink' }>, path: Entry['path']): Entry {
  const target = parseTreePath(decodeByteString(line.target))
  if (target === '' || target >= path) {
    throw invalid('target', 'a hard link names an entry that comes before it')
  }
  return { type: 'hardlink', path, target }
}

function decodeLinkText(line: Extract<Line, { type: 'symlink' }>): string {
  const text = decodeByteString(line.target)
  if (text === '' || text.length > maxPathBytes || text.includes('\0')) {
    throw invalid('target', `a symbolic link says 1 to ${maxPathBytes} bytes, none of them NUL`)
  }
  return text
}

/** Nothing but the one spelling of an empty file, and a sparse map that adds up to the content it places. */
function checkContent(entry: FileEntry): FileEntry {
  if (entry.size === 0 && entry.offset !== 0) throw invalid('offset', 'must be 0 where size is 0')
  if (entry.size === 0 && entry.digest !== emptyDigest) throw invalid('digest', 'is not that of no bytes')
  if (entry.sparse !== undefined) checkSparse(entry.sparse, entry.size)
  return entry
}

function checkSparse(sparse: SparseMap, size: number): void {
  let end = -1
  let total = 0
  for (const [offset, length] of sparse.data) {
    if (offset <= end) throw invalid('sparse.data', 'extents must be sorted and must not touch')
    end = offset + length
    total += length
  }
  if (end > sparse.size) throw invalid('sparse.data', 'reaches past sparse.size')
  if (total !== size) throw invalid('sparse.data', 'does not add up to size')
  if (total === sparse.size) throw invalid('sparse', 'has no hole')
}

function decodeMtime(line: OwnedLine): Mtime {
  return { seconds: line.mtime, nanos: line.mtimeNanos ?? 0 }
}

function decodeXattrs(xattrs: OwnedLine['xattrs']): Xattrs {
  if (xattrs === undefined) return noXattrs
  return new Map(Object.entries(xattrs).map(([name, value]) => [name, decodeXattr(name, value)]))
}

function decodeXattr(name: string, base64: string): Uint8Array {
  const value = Buffer.from(base64, 'base64')
  if (value.length > maxXattrBytes) throw invalid(`xattrs.${name}`, `is longer than ${maxXattrBytes} bytes`)
  return value
}

function invalid(place: string, problem: string): FormatError {
  return new FormatError('FORMAT_INVALID', 'manifest entry', problem, { place })
}
