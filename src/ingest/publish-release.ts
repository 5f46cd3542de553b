import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { channelTargetPath, encodeChannel, type Channel } from '../../manifests/channel.ts'
import type { Digest } from '../../manifests/digest.ts'
import { formatInstant } from '../../manifests/fields.ts'
import {
  decodeRelease,
  encodeRelease,
  releaseTargetPath,
  type ModuleTraits,
  type Release,
} from '../../manifests/release.ts'
import { displayTreePath } from '../../manifests/tree-path.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { defaultProfile } from '../chunking/profile.ts'
import { commit, type Change } from '../repository/commit.ts'
import { RepositoryError } from '../repository/errors.ts'
import { sketchesKey } from '../repository/layout.ts'
import { endLeases, takeLease } from '../repository/lease.ts'
import { nextChannel } from '../repository/next-channel.ts'
import { refuseWrongKeys } from '../repository/role-keys.ts'
import { loadState } from '../repository/repository-state.ts'
import { Repository } from '../repository/repository.ts'
import type { TreeSource } from '../tree/tree-source.ts'
import type { KeyRing } from '../trust/key-ring.ts'
import { checkModulesFit } from './check-modules-fit.ts'
import { ChunkPool } from './chunk-pool.ts'
import { ChunkUploader } from './chunk-uploader.ts'
import { ingestTree, type IngestContext, type IngestedModule } from './ingest-tree.ts'
import { SketchesOfManifests } from './earlier-sketches.ts'
import { findKnownContent, nothingKnown, type KnownContent } from './known-content.ts'
import { storeManifest } from './store-manifest.ts'
import { storeSketches } from './store-sketches.ts'

export interface PublishRequest {
  readonly version: number
  readonly label?: string | undefined
  readonly requires?: number | undefined
  readonly modules: readonly ModuleSource[]
  /** The channel that is to point to the release; undefined: none. */
  readonly channel: string | undefined
  /** How many machines of 10,000 may move at first. Default: all. */
  readonly rolloutFraction?: number | undefined
  /**
   * Trusts the store with nothing and stores every chunk and manifest anew, in the place of what is damaged or
   * missing. A release that is there already may then be any; it and all channels stay as they are.
   */
  readonly mend?: boolean | undefined
}

export interface ModuleSource {
  readonly name: string
  readonly tree: TreeSource
  readonly includes: readonly string[]
  /** What else the release says of it. */
  readonly traits?: ModuleTraits | undefined
}

export interface PublishContext {
  readonly store: BlobStore
  readonly keys: KeyRing
  readonly now: Date
  /** SOURCE_DATE_EPOCH, in seconds: no later mtime is published, and the release was created then. */
  readonly sourceDateEpoch?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly threads?: number | undefined
  readonly oneFileSystem?: boolean | undefined
  readonly onProgress?: (progress: PublishProgress) => void
  readonly onSkipped?: (module: string, path: string, reason: string) => void
  /** Called when everything of the release is stored and nothing of it is visible yet. */
  readonly beforeVisible?: (release: Release, repository: Repository) => Promise<void>
  /** Told, in words, of what is not as one would think, and is no failure. */
  readonly onNote?: (note: string) => void
}

export interface PublishProgress {
  readonly module: string
  readonly entries: number
  readonly contentBytes: number
  readonly chunksUploaded: number
  readonly storedBytes: number
}

export interface PublishResult {
  readonly release: Release
  readonly channel: Channel | undefined
  /** False when the release was there already, with the same content. */
  readonly changed: boolean
  readonly entries: number
  readonly contentBytes: number
  readonly chunks: number
  readonly chunksUploaded: number
  readonly storedBytes: number
}

/**
 * Publishes trees as the modules of a new release, and points a channel to it. Order: chunks, manifests, release,
 * channel, snapshot, timestamp, each durable before the next; only the last makes anything visible. May be run
 * again after any end of an earlier run: it stores only what is missing, and finds a release that is there already
 * with the same content done. Earlier releases that are damaged cost uploads, and are noted. Throws RepositoryError
 * (VERSION_EXISTS, VERSION_NOT_INCREASING, MODULES_OVERLAP, PUBLISH_CONFLICT), TrustError (KEY_…), and what reading
 * the trees and the store may throw.
 */
export async function publishRelease(asked: PublishRequest, context: PublishContext): Promise<PublishResult> {
  const { store, keys, signal } = context
  const state = await loadState(store, { signal, trustedRoot: keys.trustedRoot() })
  const repository = new Repository(store, state)
  const isMended = asked.mend === true && repository.releaseVersions().includes(asked.version)
  const request = isMended ? { ...asked, channel: undefined } : asked
  await refuseWrongKeys(state, keys, [
    'releases',
    ...(request.channel === undefined ? [] : ['channels' as const]),
  ])
  if (!isMended) refuseDecreasing(repository, request.version)
  const previous =
    request.channel === undefined ? undefined : await repository.findChannel(request.channel, { signal })
  const { othersFound } = await takeLease(store, request.version, context.now, { signal })
  const ingested = await ingestModules(request, context, repository, { listStore: othersFound, previous })
  const release = buildRelease(request, context, ingested.modules)
  const channel = channelOf(request, release, previous, context.now)
  const change = await buildChange(repository, release, channel, { signal })
  await context.beforeVisible?.(release, repository)
  if (change !== undefined) await commit({ store, keys, now: context.now, signal }, state, change)
  await endLeases(store, request.version, { signal })
  return {
    release,
    channel,
    changed: change !== undefined,
    ...ingested.totals,
  }
}

interface Ingested {
  readonly modules: readonly IngestedModule[]
  readonly totals: Pick<
    PublishResult,
    'entries' | 'contentBytes' | 'chunks' | 'chunksUploaded' | 'storedBytes'
  >
}

async function ingestModules(
  request: PublishRequest,
  context: PublishContext,
  repository: Repository,
  { listStore, previous }: { readonly listStore: boolean; readonly previous: Channel | undefined },
): Promise<Ingested> {
  const { store, signal } = context
  const known = await knownContent(request, context, repository, { listStore, previous })
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

async function knownContent(
  { mend = false }: PublishRequest,
  { onNote, signal }: PublishContext,
  repository: Repository,
  { listStore, previous }: { readonly listStore: boolean; readonly previous: Channel | undefined },
): Promise<KnownContent> {
  if (mend) return nothingKnown()
  return findKnownContent(repository, previous, {
    listStore,
    signal,
    onDamaged: (problem) => onNote?.(`${problem}; what it holds is uploaded again`),
  })
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

function refuseDecreasing(repository: Repository, version: number): void {
  const latest = repository.releaseVersions().at(-1) ?? 0
  if (version >= latest) return
  throw new RepositoryError(
    'VERSION_NOT_INCREASING',
    `version ${version} cannot be published: the latest release is ${latest}, and versions only increase`,
    { hint: `publish it as version ${latest + 1} or later` },
  )
}

function buildRelease(
  request: PublishRequest,
  context: PublishContext,
  ingested: readonly IngestedModule[],
): Release {
  const created =
    context.sourceDateEpoch === undefined ? context.now : new Date(context.sourceDateEpoch * 1000)
  const modules = ingested.map(({ module, digest, bytes, entries, contentBytes }) => {
    const source = request.modules.find(({ name }) => name === module)
    return [
      module,
      {
        ...source?.traits,
        manifest: { digest, bytes },
        includes: [...new Set(source?.includes)].sort(),
        entries,
        contentBytes,
      },
    ] as const
  })
  return checkedRelease({
    version: request.version,
    ...(request.label !== undefined && { label: request.label }),
    ...(request.requires !== undefined && { requires: request.requires }),
    created: formatInstant(created),
    modules: Object.fromEntries(modules),
  })
}

/** What no reader would take must not be published. */
function checkedRelease(release: Release): Release {
  return decodeRelease(Buffer.from(encodeRelease(release)))
}

function channelOf(
  { channel, version, rolloutFraction }: PublishRequest,
  { created }: Release,
  previous: Channel | undefined,
  now: Date,
): Channel | undefined {
  if (channel === undefined) return undefined
  if (previous?.version === version) return previous
  // Whoever halted the channel lifts it: a publish is not a statement about that.
  // Since the release was created: with the same SOURCE_DATE_EPOCH the document is the same.
  const rollout = { now: rolloutFraction, since: new Date(created) }
  return nextChannel({ channel, version, rollout }, previous, now)
}

/** What has to be committed; undefined when all of it is there. Throws VERSION_EXISTS. */
async function buildChange(
  repository: Repository,
  release: Release,
  channel: Channel | undefined,
  options: { readonly signal: AbortSignal | undefined },
): Promise<Change | undefined> {
  const isNew = !repository.releaseVersions().includes(release.version)
  if (!isNew) refuseOtherContent(await repository.release(release.version, options), release)
  const moves =
    channel !== undefined &&
    (await repository.findChannel(channel.channel, options))?.version !== channel.version
  if (!isNew && !moves) return undefined
  return {
    ...(isNew && { releases: single(releaseTargetPath(release.version), encodeRelease(release)) }),
    ...(moves && { channels: single(channelTargetPath(channel.channel), encodeChannel(channel)) }),
  }
}

function single(path: string, text: string): ReadonlyMap<string, Buffer> {
  return new Map([[path, Buffer.from(text)]])
}

/** When it was created is not content: a publish that is run again may have a later clock. */
function refuseOtherContent(existing: Release, release: Release): void {
  if (encodeRelease({ ...existing, created: '' }) === encodeRelease({ ...release, created: '' })) return
  throw new RepositoryError(
    'VERSION_EXISTS',
    `release ${release.version} exists already, with other content; releases never change`,
    { hint: 'publish this content under a later version' },
  )
}
