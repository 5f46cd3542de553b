import type { BlobBody, BlobInfo, BlobReader, ByteRange, CallOptions } from '../../../storage/blob-store.ts'
import { BlobNotFoundError } from '../../../storage/errors.ts'
import { chunkPrefix } from '../../repository/layout.ts'

/** A chunk store of casync or desync with SHA-256 digests: the chunks of a repository (format §2), and nothing else of one. */
export class ChunkStoreReader implements BlobReader {
  readonly #chunks: BlobReader

  /** Of its directory. */
  constructor(chunks: BlobReader) {
    this.#chunks = chunks
  }

  get name(): string {
    return this.#chunks.name
  }

  async stat(key: string, options?: CallOptions): Promise<BlobInfo | undefined> {
    return key.startsWith(chunkPrefix) ? this.#chunks.stat(key.slice(chunkPrefix.length), options) : undefined
  }

  async get(key: string, options?: CallOptions & { readonly range?: ByteRange }): Promise<BlobBody> {
    if (!key.startsWith(chunkPrefix)) throw new BlobNotFoundError(this.name, key)
    return this.#chunks.get(key.slice(chunkPrefix.length), options)
  }

  async *list(): AsyncIterable<BlobInfo> {
    // Nobody asks a mender's source what it has.
  }
}
