import type { Digest } from '../../../manifests/digest.ts'
import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { mapInOrder } from '../../map-in-order.ts'
import { chunkKey } from '../../repository/layout.ts'

const questionsAtOnce = 32

/** Those of the chunks that the store does not have, in their order. */
export async function missingChunks(
  store: BlobReader,
  digests: readonly Digest[],
  { signal }: CallOptions = {},
): Promise<Digest[]> {
  const missing: Digest[] = []
  const ask = async (digest: Digest): Promise<Digest | undefined> =>
    (await store.stat(chunkKey(digest), { signal })) === undefined ? digest : undefined
  for await (const digest of mapInOrder(digests, questionsAtOnce, ask)) {
    if (digest !== undefined) missing.push(digest)
  }
  return missing
}
