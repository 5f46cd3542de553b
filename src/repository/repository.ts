import { createHash } from 'node:crypto'
import { constants, createZstdDecompress } from 'node:zlib'
import type { Metadata, Targets } from '@tufjs/models'
import { channelTargetPath, decodeChannel, type Channel } from '../../manifests/channel.ts'
import { digestFromHex, digestOf } from '../../manifests/digest.ts'
import { FormatError } from '../../manifests/errors.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'
import {
  decodeRelease,
  releaseTargetPath,
  type Release,
  type ReleaseModule,
} from '../../manifests/release.ts'
import { manifestWindowLog } from '../../manifests/manifest-limits.ts'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { BlobNotFoundError } from '../../storage/errors.ts'
import { ChunkCorruptError, decodeChunk, maxEncodedBytes } from '../chunking/chunk-codec.ts'
import { openManifest, type OpenManifest } from '../tree/read-manifest.ts'
import { RepositoryError } from './errors.ts'
import { chunkKey, manifestKey, targetKey } from './layout.ts'
import { readBlob } from './read-blob.ts'
import type { RepositoryState } from './repository-state.ts'

/** Reads what one state of a repository vouches for. Everything is checked against its digest. */
export class Repository {
  readonly store: BlobReader
  readonly state: RepositoryState

  constructor(store: BlobReader, state: RepositoryState) {
    this.store = store
    this.state = state
  }

  /** Versions, ascending. */
  releaseVersions(): number[] {
    return targetNames(this.state.releases.metadata, 'releases/')
      .map(Number)
      .sort((a, b) => a - b)
  }

  /** Throws RELEASE_UNKNOWN. */
  async release(version: number, options: CallOptions = {}): Promise<Release> {
    const bytes = await this.#document(this.state.releases.metadata, releaseTargetPath(version), options)
    if (bytes !== undefined) return this.#named(decodeRelease(bytes), 'version', version)
    const latest = this.releaseVersions().at(-1)
    throw new RepositoryError('RELEASE_UNKNOWN', `there is no release ${version}`, {
      hint: latest === undefined ? 'nothing was published yet' : `the latest release is ${latest}`,
    })
  }

  channelNames(): string[] {
    return targetNames(this.state.channels.metadata, 'channels/').sort()
  }

  /** Throws CHANNEL_UNKNOWN. */
  async channel(name: string, options: CallOptions = {}): Promise<Channel> {
    const channel = await this.findChannel(name, options)
    if (channel !== undefined) return channel
    const names = this.channelNames().join(', ')
    throw new RepositoryError('CHANNEL_UNKNOWN', `there is no channel "${name}"`, {
      hint: names === '' ? 'nothing was published yet' : `there are: ${names}`,
    })
  }

  async findChannel(name: string, options: CallOptions = {}): Promise<Channel | undefined> {
    const bytes = await this.#document(this.state.channels.metadata, channelTargetPath(name), options)
    return bytes === undefined ? undefined : this.#named(decodeChannel(bytes), 'channel', name)
  }

  /** A module's manifest. Its digest is checked when the last entry was read: an early end is never mistaken for it. */
  async manifest(
    { manifest }: Pick<ReleaseModule, 'manifest'>,
    options: CallOptions = {},
  ): Promise<OpenManifest> {
    const key = manifestKey(manifest.digest)
    const inItsName = (error: unknown): unknown =>
      error instanceof FormatError ? damaged(this.store, key, mend, error) : error
    try {
      const opened = await openManifest(this.manifestBytes(manifest, options))
      return { ...opened, entries: rethrowing(opened.entries, inItsName) }
    } catch (error) {
      throw inItsName(error)
    }
  }

  /** A manifest's plain bytes; their digest is checked when the last was read. */
  async *manifestBytes(
    { digest, bytes }: ReleaseModule['manifest'],
    options: CallOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const key = manifestKey(digest)
    const plain = createZstdDecompress({
      params: { [constants.ZSTD_d_windowLogMax]: manifestWindowLog },
      rejectGarbageAfterEnd: true,
    })
    const stored = await this.#open(key, options)
    stored.once('error', (error: Error) => plain.destroy(error)).pipe(plain)
    const hash = createHash('sha256')
    let count = 0
    try {
      for await (const piece of plain as AsyncIterable<Buffer>) {
        count += piece.length
        if (count > bytes) break
        hash.update(piece)
        yield piece
      }
    } catch (error) {
      throw isZstdError(error) ? damaged(this.store, key, mend, error) : error
    } finally {
      stored.destroy()
    }
    if (count !== bytes || `sha256:${hash.digest('hex')}` !== digest) throw damaged(this.store, key, mend)
  }

  /** A chunk's plain bytes. */
  async chunk(chunk: ChunkRef, options: CallOptions = {}): Promise<Buffer> {
    const key = chunkKey(chunk.digest)
    const blob = await readBlob(this.store, key, { ...options, maxBytes: maxEncodedBytes(chunk.size) })
    if (blob === undefined) throw missing(this.store, key, mend)
    try {
      return await decodeChunk(blob.bytes, chunk)
    } catch (error) {
      throw error instanceof ChunkCorruptError ? damaged(this.store, key, mend, error) : error
    }
  }

  /** A document under the name of another is as good as none (format §8.1). */
  #named<Field extends string, Document extends Readonly<Record<Field, unknown>>>(
    document: Document,
    field: Field,
    asked: Document[Field],
  ): Document {
    if (document[field] === asked) return document
    const [wanted, found] = [`${field} ${String(asked)}`, `${field} ${String(document[field])}`]
    throw new RepositoryError(
      'REPOSITORY_CORRUPT',
      `${this.store.name}: the document of ${wanted} is that of ${found}`,
      { hint: 'it was signed like that: restore the metadata from before from a mirror or a backup' },
    )
  }

  async #document(
    { signed }: Metadata<Targets>,
    path: string,
    options: CallOptions,
  ): Promise<Buffer | undefined> {
    const target = Object.hasOwn(signed.targets, path) ? signed.targets[path] : undefined
    if (target === undefined) return undefined
    const digest = digestFromHex(target.hashes['sha256'] ?? '')
    const key = targetKey(path, digest)
    const blob = await readBlob(this.store, key, options)
    if (blob === undefined) throw missing(this.store, key, restore)
    if (digestOf(blob.bytes) !== digest) throw damaged(this.store, key, restore)
    return blob.bytes
  }

  async #open(key: string, options: CallOptions): Promise<NodeJS.ReadableStream & { destroy(): void }> {
    try {
      return (await this.store.get(key, options)).stream
    } catch (error) {
      throw error instanceof BlobNotFoundError ? missing(this.store, key, mend, error) : error
    }
  }
}

function targetNames({ signed }: Metadata<Targets>, directory: string): string[] {
  return Object.keys(signed.targets)
    .filter((path) => path.startsWith(directory) && path.endsWith('.json'))
    .map((path) => path.slice(directory.length, -'.json'.length))
}

/** As zlib tells of a frame that is damaged, cut off, or not alone. */
function isZstdError(error: unknown): boolean {
  const code = String((error as NodeJS.ErrnoException).code)
  return code.startsWith('ZSTD_') || code === 'Z_BUF_ERROR' || code === 'ERR_TRAILING_JUNK_AFTER_STREAM_END'
}

async function* rethrowing<T>(
  items: AsyncGenerator<T, void, undefined>,
  translate: (error: unknown) => unknown,
): AsyncGenerator<T, void, undefined> {
  try {
    yield* items
  } catch (error) {
    throw translate(error)
  }
}

function missing(store: BlobReader, key: string, hint: string, cause?: unknown): RepositoryError {
  return new RepositoryError('REPOSITORY_CORRUPT', `${store.name}: ${key} is missing`, { hint, cause })
}

function damaged(store: BlobReader, key: string, hint: string, cause?: unknown): RepositoryError {
  const problem = `${store.name}: ${key} is damaged: its bytes are not those it is named after`
  return new RepositoryError('REPOSITORY_CORRUPT', problem, { hint, cause })
}

const restore = 'restore it from a mirror or a backup'
const mend = `${restore}, or publish the same trees as the same release again with "vend publish --mend"`
