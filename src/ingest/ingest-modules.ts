import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Digest } from '../../manifests/digest.ts'
import { displayTreePath } from '../../manifests/tree-path.ts'
import { defaultProfile } from '../chunking/profile.ts'
import { sketchesKey } from '../repository/layout.ts'
import type { Repository } from '../repository/repository.ts'
import { checkModulesFit } from './check-modules-fit.ts'
import { ChunkPool } from './chunk-pool.ts'
import { ChunkUploader } from './chunk-uploader.ts'
import { ingestTree, type IngestContext, type IngestedModule } from './ingest-tree.ts'
import { SketchesOfManifests } from './earlier-sketches.ts'
import type { KnownContent } from './known-content.ts'
import type { ModuleSource, PublishContext, PublishRequest, PublishResult } from './publish-release.ts'
import { storeManifest } from './store-manifest.ts'
import { storeSketches } from './store-sketches.ts'

export interface Ingested {
  readonly modules: readonly IngestedModule[]
  readonly totals: Pick<
    PublishResult,
    'entries' | 'contentBytes' | 'chunks' | 'chunksUploaded' | 'storedBytes'
  >
}

/** Reads the trees, and stores their chunks and manifests, as far as these are not known to be there. */
export async function ingestModules(
  request: PublishRequest,
  context: PublishContext,
  repository: Repository,
  known: KnownContent,
): Promise<Ingested> {
  const { store, signal } = context
  await using pool = new ChunkPool({
    profile: defaultProfile,
    known: known.chunks,
    ...(context.threads !== undefined && { threads: context.threads }),
  })
  const uploader = new ChunkUploader(store, (bytes) => pool.release(bytes), signal)
  const scratch = await mkdtemp(join(tmpdir(), 'vend-publish-'))
  try {
    const modules: IngestedModule[] = []
    for (const source of request.modules) {
      const earlier = known.modulesNamed(source.name)
      const sketches = await SketchesOfManifests.read(repository, earlier, { signal })
      const wantsSketches = async (digest: Digest): Promise<boolean> =>
        known.mustStore(digest) ||
        (!sketches.hasManifest(digest) && (await store.stat(sketchesKey(digest), { signal })) === undefined)
      const shared = { pool, uploader, scratch, earlierSketches: sketches, wantsSketches }
      modules.push(await ingest(source, context, shared))
    }
    await checkModulesFit(modules.filter(({ module }) => !isImage(module, request)))
    await uploader.finish()
    for (const module of modules) {
      await storeSketches(store, module, { signal })
      await storeManifest(store, module, { signal, anew: known.mustStore(module.digest) })
    }
    const { chunks: chunksUploaded, storedBytes } = uploader.uploaded
    const sum = (pick: (module: IngestedModule) => number): number =>
      modules.reduce((total, module) => total + pick(module), 0)
    const totals = {
      entries: sum(({ entries }) => entries),
      contentBytes: sum(({ contentBytes }) => contentBytes),
      chunks: sum(({ chunks }) => chunks),
      chunksUploaded,
      storedBytes,
    }
    return { modules, totals }
  } finally {
    await uploader.settle()
    await rm(scratch, { recursive: true, force: true })
  }
}

async function ingest(
  { name, tree }: ModuleSource,
  context: PublishContext,
  shared: Pick<IngestContext, 'pool' | 'uploader' | 'scratch' | 'earlierSketches' | 'wantsSketches'>,
): Promise<IngestedModule> {
  let entries = 0
  let contentBytes = 0
  return ingestTree(tree, name, {
    ...shared,
    profile: defaultProfile,
    signal: context.signal,
    walk: {
      ...(context.sourceDateEpoch !== undefined && { clampMtime: context.sourceDateEpoch }),
      ...(context.oneFileSystem !== undefined && { oneFileSystem: context.oneFileSystem }),
      onSkipped: (path, reason) => context.onSkipped?.(name, path, reason),
    },
    onNote: (path, note) => context.onNote?.(`${name}: /${displayTreePath(path)} ${note}`),
    onEntry: (bytes) => {
      entries++
      contentBytes += bytes
      const { chunks, storedBytes } = shared.uploader.uploaded
      context.onProgress?.({ module: name, entries, contentBytes, chunksUploaded: chunks, storedBytes })
    },
  })
}

/** Images are not laid over other modules. */
function isImage(module: string, { modules }: PublishRequest): boolean {
  return modules.find(({ name }) => name === module)?.traits?.kind === 'image'
}
