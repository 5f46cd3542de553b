import type { DeflateStream } from './deflate-stream.ts'
import { gzipStreams } from './gzip-streams.ts'
import { zipStreams } from './zip-streams.ts'
import { pngStreams, zlibStreams } from './zlib-streams.ts'

/** The deflate streams of a gzip file, a zip archive, a PNG or a zlib stream, in order; none in anything else. */
export function findStreams(bytes: Uint8Array, plainLimit: number): DeflateStream[] {
  for (const find of [gzipStreams, zipStreams, pngStreams, zlibStreams]) {
    const streams = [...find(bytes, plainLimit)]
    if (streams.length > 0) return streams
  }
  return []
}
