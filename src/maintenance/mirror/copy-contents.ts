import type { ChunkRef } from '../../../manifests/manifest.ts'
import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { decodeChunk, maxEncodedBytes } from '../../chunking/chunk-codec.ts'
import { DigestMap } from '../../digest-map.ts'
import { mapInOrder } from '../../map-in-order.ts'
import { RepositoryError } from '../../repository/errors.ts'
import { isDamage } from '../../repository/is-damage.ts'
import { chunkKey, manifestKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { Repository } from '../../repository/repository.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import { readWholeManifest, type ManifestUse } from '../check-manifests.ts'
import type { MirrorTarget } from './mirror-target.ts'
import { readerOf, type Scratch, type Spooled } from './scratch.ts'

/** While the chunks of one manifest are copied the next ones come. */
const manifestsAhead = 3
const concurrentChunks = 16

export interface CopiedContents {
  manifests: number
  chunks: number
  /** As they are stored. */
  chunkBytes: number
}

export interface CopyOptions extends CallOptions {
  readonly state: RepositoryState
  readonly scratch: Scratch
  /** Chunks that need not be asked for. */
  readonly known: DigestMap
  /** Plain bytes of content that the destination has by now. */
  readonly onProgress?: (plainBytes: number, copied: Readonly<CopiedContents>) => void
}

interface OpenedManifest {
  readonly spooled: Spooled
  readonly chunkTable: readonly ChunkRef[]
}

/**
 * Copies manifests and the chunks that they name and the target lacks, each manifest after its chunks; what was copied is
 * known then. All of it is decoded and compared with its digest first. Memory: the chunk tables of three manifests, 16 chunks, and 160 bytes for
 * each chunk that was copied. Throws REPOSITORY_CORRUPT and CHUNK_CORRUPT, naming the source.
 */
export async function copyContents(
  source: BlobReader,
  target: MirrorTarget,
  uses: readonly ManifestUse[],
  options: CopyOptions,
): Promise<CopiedContents> {
  const copied = { manifests: 0, chunks: 0, chunkBytes: 0 }
  const done = options.known
  let plainBytes = 0
  const onChunk = (size: number): void => {
    plainBytes += size
    options.onProgress?.(plainBytes, copied)
  }
  for await (const { use, manifest } of mapInOrder(uses, manifestsAhead, async (each) => ({
    use: each,
    manifest: await openManifest(source, each, options),
  }))) {
    await copyChunks(source, target, manifest.chunkTable, { ...options, copied, done, onChunk })
    const key = manifestKey(use.module.manifest.digest)
    if (!(await target.has(key))) {
      await target.put(key, manifest.spooled)
      copied.manifests++
    }
    await options.scratch.remove(manifest.spooled)
  }
  return copied
}

/** A manifest that is whole, in a file of ours. */
async function openManifest(
  source: BlobReader,
  use: ManifestUse,
  { state, scratch, signal }: CopyOptions,
): Promise<OpenedManifest> {
  const { digest, bytes } = use.module.manifest
  const key = manifestKey(digest)
  const spooled = await scratch.spool(source, key, { signal, maxBytes: maxStoredBytes(bytes) })
  const repository = new Repository(readerOf(spooled, source.name), state)
  const { chunkTable, problem } = await readWholeManifest(repository, use, { signal })
  if (problem === undefined) return { spooled, chunkTable }
  throw new RepositoryError('REPOSITORY_CORRUPT', `${source.name}: ${key}: ${problem}`)
}

/** More than zstd makes of content that it cannot compress. */
function maxStoredBytes(plain: number): number {
  return plain + Math.ceil(plain / 128) + 1024
}

async function copyChunks(
  source: BlobReader,
  target: MirrorTarget,
  chunkTable: readonly ChunkRef[],
  options: CallOptions & {
    readonly copied: CopiedContents
    readonly done: DigestMap
    readonly onChunk: (size: number) => void
  },
): Promise<void> {
  const { copied, done, onChunk, signal } = options
  const wanted = chunkTable.filter(({ digest, size }) => {
    const isNew = done.add(digest)
    if (!isNew) onChunk(size)
    return isNew
  })
  for await (const { digest, size, stored } of mapInOrder(wanted, concurrentChunks, async (chunk) => {
    signal?.throwIfAborted()
    const fetched = (await target.hasChunk(chunk.digest))
      ? undefined
      : await fetchChunk(source, chunk, { signal })
    if (fetched !== undefined && !target.isSequential) await target.put(chunkKey(chunk.digest), fetched)
    return { ...chunk, stored: fetched }
  })) {
    if (stored !== undefined) {
      if (target.isSequential) await target.put(chunkKey(digest), stored)
      copied.chunks++
      copied.chunkBytes += stored.length
    }
    onChunk(size)
  }
}

/** A chunk as it is stored, checked. Throws REPOSITORY_CORRUPT and CHUNK_CORRUPT. */
export async function fetchChunk(
  source: BlobReader,
  chunk: ChunkRef,
  { signal }: CallOptions,
): Promise<Buffer> {
  const key = chunkKey(chunk.digest)
  const blob = await readBlob(source, key, { signal, maxBytes: maxEncodedBytes(chunk.size) })
  if (blob === undefined) throw missing(source, key)
  await decodeChunk(blob.bytes, chunk)
  return blob.bytes
}

export function missing(source: BlobReader, key: string): RepositoryError {
  return new RepositoryError('REPOSITORY_CORRUPT', `${source.name}: ${key} is missing`, {
    hint: `if it is a mirror of a part, ask for no more than that (--channel, --module, --keep-last); else look at it with "vend verify"`,
  })
}

/** The chunks that manifests name, as far as these can be read. */
export async function chunksOf(
  repository: Repository,
  uses: readonly ManifestUse[],
  options: CallOptions,
): Promise<DigestMap> {
  const chunks = new DigestMap()
  for (const { module } of uses) {
    try {
      const { chunkTable, close } = await repository.manifest(module, options)
      for (const { digest } of chunkTable) chunks.add(digest)
      await close()
    } catch (error) {
      // Damaged, or collected since: then nobody knows what it named.
      if (!isDamage(error)) throw error
    }
  }
  return chunks
}
