import { BlobNotFoundError } from '../../storage/errors.ts'
import type { BlobInfo, BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { RepositoryError } from './errors.ts'

/** No document but manifests and chunks is larger; the same bound that TUF clients set on targets metadata. */
export const maxDocumentBytes = 5_000_000

export interface ReadBlob {
  readonly info: BlobInfo
  readonly bytes: Buffer
}

/** A small blob as a whole; undefined when absent. Throws REPOSITORY_CORRUPT when it is larger than `maxBytes`. */
export async function readBlob(
  store: BlobReader,
  key: string,
  options: CallOptions & { readonly maxBytes?: number } = {},
): Promise<ReadBlob | undefined> {
  const maxBytes = options.maxBytes ?? maxDocumentBytes
  try {
    const { info, stream } = await store.get(key, options)
    if (info.bytes > maxBytes) {
      stream.destroy()
      throw new RepositoryError(
        'REPOSITORY_CORRUPT',
        `${store.name}: ${key} has ${info.bytes} bytes; the limit is ${maxBytes}`,
      )
    }
    const pieces: Uint8Array[] = []
    for await (const piece of stream) pieces.push(piece as Uint8Array)
    return { info, bytes: Buffer.concat(pieces) }
  } catch (error) {
    if (error instanceof BlobNotFoundError) return undefined
    throw error
  }
}
