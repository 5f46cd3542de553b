import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import type { ReleaseModule } from '../../manifests/release.ts'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { SketchSetError } from '../similarity/errors.ts'
import { maxSketchSetBytes, SketchSet } from '../similarity/sketch-set.ts'
import { isDamage } from './is-damage.ts'
import { sketchesKey } from './layout.ts'
import { readBlob } from './read-blob.ts'

const decompress = promisify(zstdDecompress)

/**
 * The sketches of the contents of a release's module, or undefined when there are none that can be used: they are
 * derived and may be absent, as of a release that was published before there were any. Throws only when the store
 * cannot answer.
 */
export async function readSketches(
  store: BlobReader,
  module: Pick<ReleaseModule, 'manifest' | 'entries' | 'contentBytes'>,
  options: CallOptions = {},
): Promise<SketchSet | undefined> {
  const maxBytes = maxSketchSetBytes(module)
  try {
    const blob = await readBlob(store, sketchesKey(module.manifest.digest), { ...options, maxBytes })
    if (blob === undefined) return undefined
    return new SketchSet(await decompress(blob.bytes, { maxOutputLength: maxBytes }))
  } catch (error) {
    if (isUnusable(error)) return undefined
    throw error
  }
}

function isUnusable(error: unknown): boolean {
  if (error instanceof SketchSetError || isDamage(error)) return true
  const { code = '' } = error as NodeJS.ErrnoException
  return code.startsWith('ZSTD_') || code === 'ERR_BUFFER_TOO_LARGE' || code === 'Z_BUF_ERROR'
}
