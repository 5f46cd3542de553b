import { hexOf } from '../../manifests/digest.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'
import { ChunkCorruptError, decodeChunk, maxEncodedBytes } from '../chunking/chunk-codec.ts'
import type { ContentBasis } from './basis-root.ts'
import { MachineError } from './errors.ts'
import type { HttpFetcher } from './http-fetcher.ts'

/** Where chunks come from: the root that is there, else the repository. Every chunk is verified. */
export class ChunkSource {
  readonly #basis: Pick<ContentBasis, 'chunk'> | undefined
  readonly #fetcher: HttpFetcher
  readonly #signal: AbortSignal | undefined
  #fetchedChunks = 0
  #reusedBytes = 0

  constructor(
    basis: Pick<ContentBasis, 'chunk'> | undefined,
    fetcher: HttpFetcher,
    signal: AbortSignal | undefined,
  ) {
    this.#basis = basis
    this.#fetcher = fetcher
    this.#signal = signal
  }

  get totals(): { readonly fetchedChunks: number; readonly reusedBytes: number } {
    return { fetchedChunks: this.#fetchedChunks, reusedBytes: this.#reusedBytes }
  }

  /** Throws a MachineError (OBJECT_MISSING, OBJECT_CORRUPT, SERVER_…). */
  async chunk(chunk: ChunkRef): Promise<Buffer> {
    const local = this.#basis?.chunk(chunk)
    if (local !== undefined) {
      this.#reusedBytes += local.length
      return local
    }
    this.#fetchedChunks++
    return this.#fetch(chunk)
  }

  async #fetch(chunk: ChunkRef): Promise<Buffer> {
    const hex = hexOf(chunk.digest)
    const path = `chunks/${hex.slice(0, 4)}/${hex}.cacnk`
    const options = { maxBytes: maxEncodedBytes(chunk.size), signal: this.#signal }
    const plain = await this.#fetcher.fetchChecked(path, options, async (stored) => decode(stored, chunk))
    if (plain !== undefined) return plain
    throw new MachineError('OBJECT_MISSING', `the repository lacks ${path}`, { hint: wayOut })
  }
}

async function decode(stored: Buffer, chunk: ChunkRef): Promise<Buffer> {
  try {
    return await decodeChunk(stored, chunk)
  } catch (cause) {
    if (!(cause instanceof ChunkCorruptError)) throw cause
    throw new MachineError('OBJECT_CORRUPT', cause.message, { hint: wayOut, cause })
  }
}

const wayOut = 'tell whoever runs the repository to run "vend verify" on it; this machine stays as it is'
