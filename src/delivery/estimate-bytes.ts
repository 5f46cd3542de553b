import { constants, zstdCompressSync } from 'node:zlib'
import type { ContentView } from '../delta/content-view.ts'
import { listStreams, type StreamWriters } from '../delta/delta-streams.ts'

/** Of what is larger, so much is taken for all of it. */
const sampleBytes = 4 << 20
/** What frames cost is shared by many contents, and hides what is as small as this. */
const leastCompressed = 32

/** About what a part of a delta takes of a group, in bytes. */
export function estimatePart(streams: StreamWriters): number {
  return listStreams(streams).reduce((sum, writer) => sum + compressedBytes(writer.written()), 0)
}

/** About what a content takes without a basis, in bytes. */
export function estimateWhole(content: ContentView): number {
  if (content.length <= sampleBytes) return compressedBytes(content.readAt(0, content.length))
  const middle = Math.floor((content.length - sampleBytes) / 2)
  return Math.ceil((compressedBytes(content.readAt(middle, sampleBytes)) / sampleBytes) * content.length)
}

function compressedBytes(bytes: Uint8Array): number {
  if (bytes.length < leastCompressed) return bytes.length
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }).length
}
