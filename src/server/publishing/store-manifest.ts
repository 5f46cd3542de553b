import { DigestBuilder, type Digest } from '../../../manifests/digest.ts'
import { FormatError } from '../../../manifests/errors.ts'
import { ManifestDecoder } from '../../../manifests/manifest-decoder.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import { BlobExistsError } from '../../../storage/errors.ts'
import { immutableCaching, manifestKey } from '../../repository/layout.ts'
import { ProblemError } from '../problem.ts'
import type { SpooledUpload } from './spooled-upload.ts'
import { UnpackError, unpackUpload } from './unpack-upload.ts'

/** A tree of ten million entries stays below that. */
export const maxManifestBytes = 4 * 2 ** 30
export const maxStoredManifestBytes = 1 << 30

/**
 * Verifies a manifest, its digest and its form to the last line, and stores it; one that is there already stays, unless
 * it is mended. Resolves to whether it was stored. Throws MANIFEST_REFUSED.
 */
export async function storeManifest(
  digest: Digest,
  upload: SpooledUpload,
  { store, isMended }: { readonly store: BlobStore; readonly isMended: boolean },
): Promise<boolean> {
  await verifyManifest(digest, upload)
  const how = { contentType: 'application/zstd', cacheControl: immutableCaching }
  const body = { path: upload.path, bytes: upload.bytes }
  if (isMended) {
    await store.put(manifestKey(digest), body, how)
    return true
  }
  try {
    await store.create(manifestKey(digest), body, how)
    return true
  } catch (error) {
    if (error instanceof BlobExistsError) return false
    throw error
  }
}

async function verifyManifest(digest: Digest, upload: SpooledUpload): Promise<void> {
  const hash = new DigestBuilder()
  const decoder = new ManifestDecoder()
  try {
    for await (const piece of unpackUpload(upload, { maxBytes: maxManifestBytes })) {
      hash.add(piece)
      for (const _ of decoder.decode(piece));
    }
    decoder.end()
  } catch (error) {
    if (error instanceof UnpackError || error instanceof FormatError) throw refused(digest, error.message)
    throw error
  }
  const found = hash.finish()
  if (found !== digest) throw refused(digest, `its bytes are those of ${found}`)
}

function refused(digest: Digest, problem: string): ProblemError {
  return new ProblemError('MANIFEST_REFUSED', `manifest ${digest}: ${problem}`)
}
