import { digestFromHex } from '../../manifests/digest.ts'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { DigestMap } from '../digest-map.ts'
import { chunkHexOf, chunkPrefix } from './layout.ts'

/** The chunks that a listing of the store shows, a thousand a request; added to `chunks`, if given. */
export async function listedChunks(
  store: BlobReader,
  options: CallOptions,
  chunks = new DigestMap(),
): Promise<DigestMap> {
  for await (const { key } of store.list(chunkPrefix, options)) {
    const hex = chunkHexOf(key)
    if (hex !== undefined) chunks.add(digestFromHex(hex))
  }
  return chunks
}
