import { createWriteStream } from 'node:fs'
import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { BlobBody, BlobInfo, BlobReader, ByteRange, CallOptions } from '../../../storage/blob-store.ts'
import { BlobNotFoundError } from '../../../storage/errors.ts'
import { FileSlice } from '../../../storage/file-slice.ts'
import { RepositoryError } from '../../repository/errors.ts'

/** A whole blob in a file of ours, where it can be looked at before anybody else sees it. */
export interface Spooled {
  readonly path: string
  readonly bytes: number
}

/** A directory of files that are on their way from a store to another, gone with its end. */
export class Scratch implements AsyncDisposable {
  readonly #directory: string
  #files = 0

  private constructor(directory: string) {
    this.#directory = directory
  }

  static async create(): Promise<Scratch> {
    return new Scratch(await mkdtemp(join(tmpdir(), 'vend-mirror-')))
  }

  /** The path of a file that is not there yet. */
  newPath(): string {
    return join(this.#directory, String(this.#files++))
  }

  /** Throws BlobNotFoundError, and REPOSITORY_CORRUPT for what is longer than `maxBytes`. */
  async spool(
    source: BlobReader,
    key: string,
    options: CallOptions & { readonly maxBytes: number },
  ): Promise<Spooled> {
    const { maxBytes, signal } = options
    const { info, stream } = await source.get(key, { signal })
    if (info.bytes > maxBytes) {
      stream.destroy()
      throw tooLong(source, key, maxBytes)
    }
    const path = this.newPath()
    await pipeline(stream, endingAfter(maxBytes, tooLong(source, key, maxBytes)), createWriteStream(path))
    return { path, bytes: (await stat(path)).size }
  }

  async remove({ path }: Spooled): Promise<void> {
    await rm(path, { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }
}

/** A store that has one blob, under whatever key: for readers of stores to look at it. */
export function readerOf({ path, bytes }: Spooled, name: string): BlobReader {
  const infoOf = (key: string): BlobInfo => ({ key, bytes, etag: 'spooled', modified: new Date(0) })
  return {
    name,
    stat: async (key) => infoOf(key),
    get: async (key, { range }: CallOptions & { readonly range?: ByteRange } = {}): Promise<BlobBody> => {
      const handle = await open(path, 'r').catch((cause: unknown) => {
        throw new BlobNotFoundError(name, key, cause)
      })
      const { start, end } = range ?? { start: 0, end: bytes }
      const wanted = { start, end: Math.min(end, bytes) }
      return { info: infoOf(key), stream: new FileSlice(handle, wanted, asError) }
    },
    list: async function* () {
      // What has no names has nothing to list.
    },
  }
}

function asError(problem: unknown): Error {
  return problem instanceof Error ? problem : new Error(String(problem))
}

function endingAfter(maxBytes: number, error: Error): Transform {
  let count = 0
  return new Transform({
    transform(piece: Uint8Array, _encoding, done) {
      count += piece.length
      if (count > maxBytes) done(error)
      else done(null, piece)
    },
  })
}

function tooLong(source: BlobReader, key: string, maxBytes: number): RepositoryError {
  return new RepositoryError('REPOSITORY_CORRUPT', `${source.name}: ${key} has more than ${maxBytes} bytes`)
}
