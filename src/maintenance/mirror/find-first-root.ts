import { readFileSync } from 'node:fs'
import { digestOf, type Digest } from '../../../manifests/digest.ts'
import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { metadataKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { TrustError } from '../../trust/errors.ts'
import { readRoot } from '../../trust/verify-metadata.ts'

/** A first root as a person knows it: by a file, or by the digest of one. */
export type KnownRoot =
  { readonly kind: 'file'; readonly path: string } | { readonly kind: 'digest'; readonly digest: Digest }

/** Undefined where there is none. */
export async function firstRootDigest(store: BlobReader, options: CallOptions): Promise<Digest | undefined> {
  const blob = await readBlob(store, metadataKey('root', 1), options)
  return blob === undefined ? undefined : digestOf(blob.bytes)
}

/** The bytes of a root that is known. Throws METADATA_INVALID, and ROOT_MISMATCH where the store's has another digest. */
export async function findFirstRoot(
  store: BlobReader,
  known: KnownRoot,
  options: CallOptions,
): Promise<Buffer> {
  const key = metadataKey('root', 1)
  const bytes =
    known.kind === 'file'
      ? readFileSync(known.path)
      : ((await readBlob(store, key, options))?.bytes ?? Buffer.alloc(0))
  if (known.kind === 'digest' && digestOf(bytes) !== known.digest) {
    throw new TrustError('ROOT_MISMATCH', `${store.name} begins with another root than ${known.digest}`, {
      hint: 'it is another repository, or not what it seems: never take its root to get on',
    })
  }
  readRoot(bytes, known.kind === 'file' ? known.path : key)
  return bytes
}
