import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress } from 'node:zlib'
import { encodeSketchSet, type SketchedContent } from '../similarity/sketch-set.ts'

/** Features are as good as random: no level finds more in them than this one. */
const compressionLevel = 1

/** Writes the sketches of a manifest's contents to a new file at `path`, as one zstd frame. */
export async function writeSketches(path: string, contents: Iterable<SketchedContent>): Promise<void> {
  await pipeline(
    Readable.from(encodeSketchSet(contents)),
    createZstdCompress({
      params: {
        [constants.ZSTD_c_compressionLevel]: compressionLevel,
        // Nothing else would tell that they are damaged: no digest of them is kept.
        [constants.ZSTD_c_checksumFlag]: 1,
      },
    }),
    createWriteStream(path, { flags: 'wx' }),
  )
}
