import type { Digest } from '../../../manifests/digest.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import { BlobExistsError } from '../../../storage/errors.ts'
import { sketchesKey } from '../../repository/layout.ts'
import { ProblemError } from '../problem.ts'
import type { SpooledUpload } from './spooled-upload.ts'
import { UnpackError, unpackUpload } from './unpack-upload.ts'

export const maxStoredSketchesBytes = 256 << 20
const maxSketchesBytes = 1 << 30
const magic = Buffer.from('vendsk1\n')

/**
 * Stores the sketches of a manifest's contents, unless there are some. Whether they are right cannot be seen without the
 * contents, and need not: whoever uses them trusts them with nothing (src/similarity/sketch-set.ts). Only form and length
 * are checked. Throws SKETCHES_REFUSED.
 */
export async function storeSketches(
  manifest: Digest,
  upload: SpooledUpload,
  { store, isMended }: { readonly store: BlobStore; readonly isMended: boolean },
): Promise<boolean> {
  await checkSketches(manifest, upload)
  const key = sketchesKey(manifest)
  const body = { path: upload.path, bytes: upload.bytes }
  try {
    await (isMended
      ? store.put(key, body, { contentType: 'application/zstd' })
      : store.create(key, body, { contentType: 'application/zstd' }))
    return true
  } catch (error) {
    if (error instanceof BlobExistsError) return false
    throw error
  }
}

async function checkSketches(manifest: Digest, upload: SpooledUpload): Promise<void> {
  let start = Buffer.alloc(0)
  try {
    for await (const piece of unpackUpload(upload, { maxBytes: maxSketchesBytes, mayHaveMore: true })) {
      if (start.length < magic.length) start = Buffer.concat([start, piece.subarray(0, magic.length)])
    }
  } catch (error) {
    throw error instanceof UnpackError ? refused(manifest, error.message) : error
  }
  if (!start.subarray(0, magic.length).equals(magic)) throw refused(manifest, 'they are none')
}

function refused(manifest: Digest, problem: string): ProblemError {
  return new ProblemError('SKETCHES_REFUSED', `sketches of manifest ${manifest}: ${problem}`)
}
