import { DigestBuilder } from '../../manifests/digest.ts'
import type { FileEntry } from '../../manifests/entry.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { mapInOrder } from '../map-in-order.ts'
import { RepositoryError } from '../repository/errors.ts'
import type { Repository } from '../repository/repository.ts'

const chunksAhead = 4
const zeros = Buffer.alloc(1 << 16)

/** A file's bytes, the holes of a sparse one as zeros; every chunk is verified before its bytes are given out. */
export async function* streamFile(
  repository: Repository,
  file: FileEntry,
  chunkTable: readonly ChunkRef[],
  options: CallOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const content = streamContent(repository, file, chunkTable, options)
  yield* file.sparse === undefined ? content : withHoles(content, file.sparse)
}

async function* streamContent(
  repository: Repository,
  { offset, size, digest }: FileEntry,
  chunkTable: readonly ChunkRef[],
  options: CallOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const built = new DigestBuilder()
  const pieces = mapInOrder(
    chunksOf(chunkTable, offset, offset + size),
    chunksAhead,
    async ({ chunk, from, to }) => (await repository.chunk(chunk, options)).subarray(from, to),
  )
  for await (const piece of pieces) {
    built.add(piece)
    yield piece
  }
  if (built.finish() === digest) return
  throw new RepositoryError('REPOSITORY_CORRUPT', `the file's chunks do not add up to its digest ${digest}`, {
    hint: "what was written is not to be used; publish the release's content again under a new version",
  })
}

interface ChunkPart {
  readonly chunk: ChunkRef
  /** In the chunk. */
  readonly from: number
  readonly to: number
}

/** What of each chunk lies between two positions of the content stream. */
function* chunksOf(
  chunkTable: readonly ChunkRef[],
  start: number,
  end: number,
): Generator<ChunkPart, void, undefined> {
  let position = 0
  for (const chunk of chunkTable) {
    const from = Math.max(0, start - position)
    const to = Math.min(chunk.size, end - position)
    if (from < to) yield { chunk, from, to }
    position += chunk.size
    if (position >= end) return
  }
}

async function* withHoles(
  content: AsyncIterable<Uint8Array>,
  { size, data }: NonNullable<FileEntry['sparse']>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const extents = data[Symbol.iterator]()
  let extent = nextOf(extents)
  let position = 0
  for await (const piece of content) {
    for (let rest = piece; rest.length > 0 && extent !== undefined;) {
      yield* zerosBetween(position, extent.start)
      position = Math.max(position, extent.start)
      const part = rest.subarray(0, extent.end - position)
      yield part
      position += part.length
      rest = rest.subarray(part.length)
      if (position === extent.end) extent = nextOf(extents)
    }
  }
  yield* zerosBetween(position, size)
}

function nextOf(
  extents: Iterator<readonly [number, number]>,
): { readonly start: number; readonly end: number } | undefined {
  const next = extents.next()
  return next.done === true ? undefined : { start: next.value[0], end: next.value[0] + next.value[1] }
}

function* zerosBetween(start: number, end: number): Generator<Uint8Array, void, undefined> {
  for (let left = end - start; left > 0; left -= zeros.length)
    yield zeros.subarray(0, Math.min(left, zeros.length))
}
