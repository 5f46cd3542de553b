import * as z from 'zod'
import { canonicalJson } from './canonical-json.ts'
import { maxChunkBytes } from './chunk-limits.ts'
import type { Digest } from './digest.ts'
import { formatVersion, readDocument } from './document.ts'
import type { Entry } from './entry.ts'
import { encodeEntry } from './entry-line.ts'
import { digestField, naturalField } from './fields.ts'
import { lineText } from './line-text.ts'
import { nameField } from './names.ts'
import { scanChunkRef } from './scan-chunk-ref.ts'

/** The first line of a manifest (format §3.1). */
export interface ManifestHeader {
  readonly module: string
  /** How many entry lines follow the chunk table. */
  readonly entries: number
  /** Bytes of the content stream: the sum of the chunks' sizes. */
  readonly contentBytes: number
  /** How many chunk lines follow this one. */
  readonly chunks: number
  /** The name of the profile that cut the chunks. Readers need no knowledge of it. */
  readonly chunking: string
}

/** One line of the chunk table (format §3.2): the content stream is these, one after another. */
export interface ChunkRef {
  readonly digest: Digest
  /** Plain bytes: 1 to `maxChunkBytes`. */
  readonly size: number
}

const headerSchema = z.strictObject({
  chunking: nameField,
  chunks: naturalField,
  contentBytes: naturalField,
  entries: naturalField,
  format: z.literal(formatVersion),
  module: nameField,
})

const chunkSchema = z.strictObject({ digest: digestField, size: z.int().min(1).max(maxChunkBytes) })

const headerDocument = {
  name: 'manifest header',
  schema: headerSchema,
  decode: ({ format: _format, ...header }: z.output<typeof headerSchema>): ManifestHeader => header,
  encode: encodeHeader,
}
const chunkDocument = {
  name: 'manifest chunk',
  schema: chunkSchema,
  decode: (chunk: ChunkRef) => chunk,
  encode: encodeChunkRef,
}

/** From its line, without the newline. Throws a FormatError. */
export function decodeHeader(line: Uint8Array): ManifestHeader {
  return readDocument(line, headerDocument)
}

/** The line is the bytes from `start` to `end`. */
export function decodeChunkRef(bytes: Uint8Array, start = 0, end = bytes.length): ChunkRef {
  return scanChunkRef(lineText(bytes, start, end)) ?? readDocument(bytes.subarray(start, end), chunkDocument)
}

export function encodeHeader(header: ManifestHeader): string {
  return canonicalJson({ ...header, format: formatVersion })
}

export function encodeChunkRef(chunk: ChunkRef): string {
  return canonicalJson({ digest: chunk.digest, size: chunk.size })
}

/** A whole manifest from memory. What is too large for that is written with the three line encoders. */
export function encodeManifest(
  manifest: Pick<ManifestHeader, 'module' | 'chunking'> & {
    readonly chunkTable: readonly ChunkRef[]
    readonly entries: readonly Entry[]
  },
): Buffer {
  const { module, chunking, chunkTable, entries } = manifest
  const contentBytes = chunkTable.reduce((sum, chunk) => sum + chunk.size, 0)
  const header = { module, chunking, chunks: chunkTable.length, entries: entries.length, contentBytes }
  const lines = [encodeHeader(header), ...chunkTable.map(encodeChunkRef), ...entries.map(encodeEntry)]
  return Buffer.from(lines.map((line) => `${line}\n`).join(''))
}
