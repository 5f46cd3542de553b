import type { Digest } from '../../manifests/digest.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { BoundedTasks } from '../bounded-tasks.ts'
import { DigestMap } from '../digest-map.ts'
import type { Repository } from '../repository/repository.ts'
import { damageOf } from './damage.ts'
import { mending, type Mender } from './mender.ts'

/** Twice the threads that Node.js decompresses with: some read while others decompress. */
export const concurrentChunks = 8

export interface ChunkChecks extends AsyncDisposable {
  /** Chunks that were asked for, each counted once. */
  readonly count: number
  readonly plainBytes: number
  /** What is wrong with those that are damaged. Complete after `finish`. */
  readonly damaged: ReadonlyMap<Digest, string>
  /** Waits until there is room. Returns false when the chunk is known with another size. */
  add(chunk: ChunkRef): Promise<boolean>
  finish(): Promise<void>
}

/** Reads chunks, each once: that it is there, is a whole frame, and holds the bytes it is named after. */
export function checkChunks(
  repository: Repository,
  options: CallOptions & {
    readonly onDone: (plainBytes: number) => void
    readonly mender?: Mender | undefined
  },
): ChunkChecks {
  const sizes = new DigestMap()
  const damaged = new Map<Digest, string>()
  const tasks = new BoundedTasks(concurrentChunks)
  let plainBytes = 0
  return {
    get count() {
      return sizes.size
    },
    get plainBytes() {
      return plainBytes
    },
    damaged,
    add: async (chunk) => {
      if (!sizes.add(chunk.digest, chunk.size)) {
        options.onDone(chunk.size)
        return sizes.get(chunk.digest) === chunk.size
      }
      plainBytes += chunk.size
      await tasks.start(async () => {
        const { signal, mender } = options
        const problem = await mending(
          async () => chunkProblem(repository, chunk, { signal }),
          (found) => found !== undefined,
          mender && (async () => mender.chunk(chunk, { signal })),
        )
        if (problem !== undefined) damaged.set(chunk.digest, problem)
        options.onDone(chunk.size)
      })
      return true
    },
    finish: () => tasks.finish(),
    [Symbol.asyncDispose]: () => tasks.settle(),
  }
}

/** What is wrong with a chunk; undefined when nothing is. */
export async function chunkProblem(
  repository: Repository,
  chunk: ChunkRef,
  options: CallOptions,
): Promise<string | undefined> {
  try {
    await repository.chunk(chunk, options)
    return undefined
  } catch (error) {
    return damageOf(error, { kind: 'chunk', what: chunk.digest, touches: [] }).problem
  }
}
