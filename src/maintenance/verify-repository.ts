import type { Release } from '../../manifests/release.ts'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { expiryDates } from '../repository/refresh.ts'
import { Repository } from '../repository/repository.ts'
import { loadState, type RepositoryState } from '../repository/repository-state.ts'
import { roleNames, type RoleName } from '../trust/role.ts'
import { checkChunks } from './check-chunks.ts'
import { checkChunksInOrder } from './check-chunks-in-order.ts'
import { checkDocuments } from './check-documents.ts'
import { checkPacks } from './check-packs.ts'
import { checkManifests, manifestUsesOf } from './check-manifests.ts'
import { damageOf, type Damage } from './damage.ts'
import { findTouchedPaths } from './find-touched-paths.ts'
import type { Mender } from './mender.ts'
import { readPresence, type Presence } from './mirror/presence.ts'
import type { RateLimit } from './mirror/rate-limit.ts'
import { ThrottledReader } from './mirror/throttled-reader.ts'
import type { VerifyPass } from './verify-pass.ts'
import type { Slice } from './verify-slice.ts'
import { withoutRetired } from './without-retired.ts'

export interface VerifyOptions extends CallOptions {
  readonly now: Date
  readonly trustedRoot?: Buffer | undefined
  readonly onProgress?: (progress: VerifyProgress) => void
  /** Of chunks and packs only these. All else is always read. */
  readonly slice?: Slice | undefined
  /** What was seen before is passed over; its slice is the one that counts. */
  readonly pass?: VerifyPass | undefined
  /** Bytes come no faster. */
  readonly limit?: RateLimit | undefined
  /** Tried for what is found, which is then looked at again. */
  readonly mender?: Mender | undefined
}

export interface VerifyProgress {
  /** Plain bytes of content whose chunks were checked, of `totalBytes`. */
  readonly bytes: number
  readonly totalBytes: number
  readonly chunks: number
  readonly damages: number
}

export interface VerifyReport {
  readonly releases: number
  readonly channels: number
  readonly manifests: number
  readonly chunks: number
  readonly packs: number
  readonly contentBytes: number
  /** Of chunks and packs; undefined: all of them. */
  readonly slice: Slice | undefined
  /** What a mirror of a part does not have, and need not. */
  readonly absent: Presence['absent']
  readonly damages: readonly Damage[]
  /** Roles whose metadata no machine trusts any more. No damage: a refresh or publish renews them. */
  readonly expired: readonly RoleName[]
}

/**
 * Reads everything that the repository vouches for, each chunk and manifest once, and reports all that is missing or
 * is not what it should be, with the releases, modules and paths that it touches. Of a mirror of a part, no more than it
 * says that it has. What a release needed that was retired meanwhile is no damage. Memory: 160 bytes a chunk, and the
 * damages. Throws what has nothing to do with damage: REPOSITORY_MISSING, ROOT_MISMATCH, a store that cannot answer.
 */
export async function verifyRepository(store: BlobReader, options: VerifyOptions): Promise<VerifyReport> {
  const { signal, limit, mender, pass } = options
  const reader = limit === undefined ? store : new ThrottledReader(store, limit)
  const damages: Damage[] = []
  const state = await loadVerified(reader, options, damages)
  if (state === undefined) return { ...nothingVerified, damages }
  const presence = await readPresence(reader, { signal })
  const repository = new Repository(reader, state)
  const releases = await checkDocuments(repository, damages, { signal, mender })
  const present = releases.map((release) => presentIn(release, presence))
  const totals = await checkContents(repository, present, damages, options)
  const slice = pass?.slice ?? options.slice
  const packs = await checkPacks(reader, damages, { signal, mender, pass, slice })
  pass?.end()
  return {
    releases: repository.releaseVersions().length,
    channels: repository.channelNames().length,
    ...totals,
    packs,
    slice,
    absent: presence.absent,
    damages: await withoutRetired(reader, state, damages, { signal }),
    expired: roleNames.filter((role) => expiryDates(state)[role] <= options.now),
  }
}

/** Of a repository whose metadata cannot be believed. */
export const nothingVerified = {
  releases: 0,
  channels: 0,
  manifests: 0,
  chunks: 0,
  packs: 0,
  contentBytes: 0,
  slice: undefined,
  absent: { releases: [], modules: [] },
  expired: [],
} as const

function presentIn(release: Release, presence: Presence): Release {
  const modules = Object.entries(release.modules).filter(([name]) => presence.has(release.version, name))
  return { ...release, modules: Object.fromEntries(modules) }
}

async function loadVerified(
  store: BlobReader,
  { signal, trustedRoot }: VerifyOptions,
  damages: Damage[],
): Promise<RepositoryState | undefined> {
  try {
    return await loadState(store, { signal, trustedRoot })
  } catch (error) {
    damages.push(damageOf(error, { kind: 'metadata', what: 'the signed metadata', touches: [] }))
    return undefined
  }
}

async function checkContents(
  repository: Repository,
  releases: readonly Release[],
  damages: Damage[],
  options: VerifyOptions,
): Promise<Pick<VerifyReport, 'manifests' | 'chunks' | 'contentBytes'>> {
  const uses = manifestUsesOf(releases)
  const totalBytes = uses.reduce((sum, { module }) => sum + module.contentBytes, 0)
  let bytes = 0
  const { signal, pass, mender } = options
  const onDone = (done: number): void => {
    bytes += done
    const found = damages.length + chunks.damaged.size
    options.onProgress?.({ bytes, totalBytes, chunks: chunks.count, damages: found })
  }
  const slice = pass?.slice ?? options.slice
  await using chunks =
    slice === undefined
      ? checkChunks(repository, { signal, mender, onDone })
      : checkChunksInOrder(repository, { signal, pass, slice, onDone })
  const readable = await checkManifests(repository, uses, chunks, damages, options)
  await chunks.finish()
  damages.push(...(await findTouchedPaths(repository, readable, chunks.damaged, options)))
  return { manifests: uses.length, chunks: chunks.count, contentBytes: chunks.plainBytes }
}
