import { channelTargetPath, encodeChannel, type Channel } from '../../manifests/channel.ts'
import { formatInstant } from '../../manifests/fields.ts'
import {
  decodeRelease,
  encodeRelease,
  releaseTargetPath,
  type ModuleTraits,
  type Release,
} from '../../manifests/release.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { commit, type Change } from '../repository/commit.ts'
import { RepositoryError } from '../repository/errors.ts'
import { endLeases, takeLease, type Lease } from '../repository/lease.ts'
import { nextChannel } from '../repository/next-channel.ts'
import { refuseWrongKeys } from '../repository/role-keys.ts'
import { listedIn } from '../repository/repository-log.ts'
import { loadState, type RepositoryState } from '../repository/repository-state.ts'
import { Repository } from '../repository/repository.ts'
import { inSpan } from '../tracing/in-span.ts'
import type { TreeSource } from '../tree/tree-source.ts'
import type { KeyRing } from '../trust/key-ring.ts'
import type { ingestModules } from './ingest-modules.ts'
import type { IngestedModule } from './ingest-tree.ts'
import { ReleaseContent } from './release-content.ts'

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
  readonly beforeVisible?: (
    release: Release,
    repository: Repository,
    lease: Pick<Lease, 'end'>,
  ) => Promise<void>
  /** Reads the trees, and stores what they hold. Default: in this process. */
  readonly ingest?: typeof ingestModules | undefined
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
  for (let tries = 1; ; tries++) {
    const state = await loadTrusted(context)
    try {
      return await publishOn(new Repository(context.store, state), asked, context)
    } catch (error) {
      const isConflict = error instanceof RepositoryError && error.code === 'PUBLISH_CONFLICT'
      if (!isConflict || tries === maxTries) throw error
      if (!addsNothing(await loadTrusted(context), state)) throw error
      context.onNote?.('the repository was signed anew meanwhile; the publish begins again from there')
    }
  }
}

const maxTries = 3

async function loadTrusted({ store, keys, signal }: PublishContext): Promise<RepositoryState> {
  return loadState(store, { signal, trustedRoot: keys.trustedRoot() })
}

/** Whether whoever committed between two states has published nothing: has signed anew, or retired releases. */
function addsNothing(after: RepositoryState, before: RepositoryState): boolean {
  const [old, now] = [listedIn(before), listedIn(after)]
  return Object.entries(now).every(([path, { hashes }]) => old[path]?.hashes['sha256'] === hashes['sha256'])
}

async function publishOn(
  repository: Repository,
  asked: PublishRequest,
  context: PublishContext,
): Promise<PublishResult> {
  const { store, keys, signal } = context
  const isMended = asked.mend === true && repository.releaseVersions().includes(asked.version)
  const request = isMended ? { ...asked, channel: undefined } : asked
  await refuseWrongKeys(repository.state, keys, [
    'releases',
    ...(request.channel === undefined ? [] : ['channels' as const]),
  ])
  if (!isMended) refuseDecreasing(repository, request.version)
  const previous =
    request.channel === undefined ? undefined : await repository.findChannel(request.channel, { signal })
  const stored = await storeRelease(request, context, repository, previous)
  await endLeases(store, request.version, { signal })
  return stored
}

/** With a lease that is renewed while it lasts. */
async function storeRelease(
  request: PublishRequest,
  context: PublishContext,
  repository: Repository,
  previous: Channel | undefined,
): Promise<PublishResult> {
  const { store, keys, now, signal } = context
  await using lease = await takeLease(store, request.version, now, { signal })
  const content = new ReleaseContent(request, context, repository, { lease, previous })
  const modules = await inSpan('publish contents', {}, async () => content.store())
  const release = buildRelease(request, context, modules)
  const channel = channelOf(request, release, previous, now)
  const change = await buildChange(repository, release, channel, { signal })
  await inSpan('publish packs', {}, async () => context.beforeVisible?.(release, repository, lease))
  if (change !== undefined) {
    const committed = {
      ...change,
      revalidate: () => content.storeWhatIsGone(),
    }
    await inSpan('publish commit', {}, async () =>
      commit({ store, keys, now, signal }, repository.state, committed),
    )
  }
  return { release, channel, changed: change !== undefined, ...content.totals }
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
