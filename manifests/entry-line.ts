import * as z from 'zod'
import { canonicalJson } from './canonical-json.ts'
import { emptyDigest } from './digest.ts'
import { readDocument } from './document.ts'
import type { Entry, FileEntry, Metadata, Mtime, SparseMap, Xattrs } from './entry.ts'
import { FormatError } from './errors.ts'
import { byteStringField, decodeByteString, digestField, encodeByteString, naturalField } from './fields.ts'
import { parseTreePath } from './tree-path.ts'

const idField = naturalField.max(0xff_ff_ff_fe)
const modeField = z.string().regex(/^[0-7]{4}$/, 'is not four octal digits')

const ownership = {
  gid: idField,
  mtime: z.int(),
  mtimeNanos: naturalField.max(999_999_999).optional(),
  path: byteStringField,
  uid: idField,
  xattrs: z.record(z.string().min(1), z.base64()).optional(),
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

/** One entry from its line, without the newline (format §3.3). Throws a FormatError. */
export function decodeEntry(line: Uint8Array): Entry {
  return readDocument(line, entryDocument)
}

/** The line of an entry, without the newline. */
export function encodeEntry(entry: Entry): string {
  const path = encodeByteString(entry.path)
  if (entry.type === 'hardlink') {
    return canonicalJson({ path, target: encodeByteString(entry.target), type: entry.type })
  }
  return canonicalJson({
    gid: entry.gid,
    mtime: entry.mtime.seconds,
    mtimeNanos: entry.mtime.nanos === 0 ? undefined : entry.mtime.nanos,
    path,
    type: entry.type,
    uid: entry.uid,
    xattrs: encodeXattrs(entry.xattrs),
    ...('mode' in entry && { mode: entry.mode.toString(8).padStart(4, '0') }),
    ...('target' in entry && { target: encodeByteString(entry.target) }),
    ...('device' in entry && { device: { ...entry.device } }),
    ...(entry.type === 'file' && {
      digest: entry.digest,
      offset: entry.offset,
      size: entry.size,
      sparse: entry.sparse === undefined ? undefined : { ...entry.sparse },
    }),
  })
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
  if (line.type === 'symlink') return { ...owner, type: line.type, target: decodeByteString(line.target) }
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
  return new Map(Object.entries(xattrs).map(([name, value]) => [name, Buffer.from(value, 'base64')]))
}

const noXattrs: Xattrs = new Map()

function encodeXattrs(xattrs: Xattrs): Record<string, string> | undefined {
  if (xattrs.size === 0) return undefined
  return Object.fromEntries(
    [...xattrs].map(([name, value]) => [name, Buffer.from(value).toString('base64')] as const),
  )
}

function invalid(place: string, problem: string): FormatError {
  return new FormatError('FORMAT_INVALID', 'manifest entry', problem, { place })
}
