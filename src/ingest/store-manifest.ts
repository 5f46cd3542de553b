import { createReadStream, createWriteStream } from 'node:fs'
import { stat, unlink } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress } from 'node:zlib'
import { manifestWindowLog } from '../../manifests/manifest-limits.ts'
import type { BlobStore, CallOptions } from '../../storage/blob-store.ts'
import { immutableCaching, manifestKey } from '../repository/layout.ts'
import type { WrittenManifest } from './write-manifest.ts'

const compressionLevel = 9

/** Stores a manifest as one zstd frame, unless the store has it; with `anew` also then. */
export async function storeManifest(
  store: BlobStore,
  manifest: WrittenManifest,
  options: CallOptions & { readonly anew: boolean },
): Promise<void> {
  const key = manifestKey(manifest.digest)
  if (!options.anew && (await store.stat(key, options)) !== undefined) return
  const path = `${manifest.path}.zst`
  await pipeline(
    createReadStream(manifest.path),
    createZstdCompress({
      pledgedSrcSize: manifest.bytes,
      params: {
        [constants.ZSTD_c_compressionLevel]: compressionLevel,
        [constants.ZSTD_c_windowLog]: manifestWindowLog,
      },
    }),
    createWriteStream(path),
  )
  const { size } = await stat(path)
  await store.put(
    key,
    { path, bytes: size },
    { signal: options.signal, contentType: 'application/zstd', cacheControl: immutableCaching },
  )
  await unlink(path)
}
