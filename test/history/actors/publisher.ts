import type { ingestModules } from '../../../src/ingest/ingest-modules.ts'
import { ChunkUploader } from '../../../src/ingest/chunk-uploader.ts'
import { publishRelease } from '../../../src/ingest/publish-release.ts'
import { manifestKey } from '../../../src/repository/layout.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import { Repository } from '../../../src/repository/repository.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import type { PreparedTree } from '../prepared-tree.ts'
import type { SimulatedProcess } from '../simulated-process.ts'
import type { Stage } from '../stage.ts'

/** A release that a publisher is to bring out; kept over its crashes. */
export interface PublishJob {
  readonly trees: readonly PreparedTree[]
  readonly channel: string | undefined
  /** SOURCE_DATE_EPOCH: with it, a second attempt makes the very same document. */
  readonly epoch: number | undefined
  /** As it was first chosen. */
  version?: number
  isOver?: boolean
}

const maxAttempts = 4

/** Publishes one release after the other, each again until it is visible, refused, or given up. */
export async function publishAll(
  stage: Stage,
  process: SimulatedProcess,
  jobs: readonly PublishJob[],
): Promise<void> {
  const store = stage.open(process)
  for (const job of jobs) {
    if (job.isOver === true) continue
    await process.sleep(process.random.below(2_000))
    for (let attempts = 0; attempts < maxAttempts; attempts++) {
      job.version ??= await nextVersion(stage, store)
      const { version = 1, channel } = job
      const outcome = await stage.attempt(process, { kind: 'publish', version, channel }, () =>
        publish(stage, process, store, job),
      )
      if (outcome === 'done' || outcome === 'found') break
      // Somebody else has taken it.
      if (outcome === 'refused') delete job.version
      await process.sleep(process.random.below(3_000))
    }
    job.isOver = true
  }
}

/** One more than the latest; another publisher may choose the same. */
async function nextVersion(stage: Stage, store: BlobStore): Promise<number> {
  for (;;) {
    try {
      const state = await loadState(store, { trustedRoot: stage.keys.trustedRoot() })
      return (new Repository(store, state).releaseVersions().at(-1) ?? 0) + 1
    } catch (error) {
      if ((error as { transient?: boolean }).transient !== true) throw error
    }
  }
}

async function publish(
  stage: Stage,
  process: SimulatedProcess,
  store: BlobStore,
  { version = 1, channel, epoch, trees }: PublishJob,
): Promise<'done' | 'found'> {
  const noWalk = { name: 'prepared', walk: () => [] }
  const { changed } = await publishRelease(
    { version, channel, modules: trees.map(({ module }) => ({ name: module, tree: noWalk, includes: [] })) },
    {
      store,
      keys: stage.keys,
      now: process.now(),
      sourceDateEpoch: epoch,
      ingest: ingestPrepared(trees),
      onNote: (note) => process.world.note(`${process.name}: ${note}`),
    },
  )
  return changed ? 'done' : 'found'
}

/** In the place of walking, cutting and compressing: the chunks that the store lacks, then the manifests. */
function ingestPrepared(trees: readonly PreparedTree[]): typeof ingestModules {
  return async (_request, { store, signal }, _repository, known) => {
    const uploader = new ChunkUploader(store, () => undefined, signal)
    for (const { digest, size, stored } of trees.flatMap(({ chunks }) => chunks)) {
      // Its buffer is freed once it is stored.
      uploader.add({ digest, size, ...(!known.chunks.has(digest) && { stored: Uint8Array.from(stored) }) })
    }
    await uploader.finish()
    for (const { manifest } of trees) {
      const key = manifestKey(manifest.digest)
      const isStored = !known.mustStore(manifest.digest) && (await store.stat(key, { signal })) !== undefined
      if (!isStored) await store.put(key, manifest.stored, { signal })
    }
    const sum = (pick: (tree: PreparedTree) => number): number =>
      trees.reduce((total, tree) => total + pick(tree), 0)
    return {
      modules: trees.map(({ module, manifest, entries, chunks, content }) => ({
        module,
        path: '',
        digest: manifest.digest,
        bytes: manifest.bytes,
        sketchesPath: undefined,
        entries,
        chunks: chunks.length,
        contentBytes: content.length,
      })),
      totals: {
        entries: sum(({ entries }) => entries),
        contentBytes: sum(({ content }) => content.length),
        chunks: sum(({ chunks }) => chunks.length),
        chunksUploaded: uploader.uploaded.chunks,
        storedBytes: uploader.uploaded.storedBytes,
      },
    }
  }
}
