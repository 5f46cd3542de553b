import type { Release } from '../../manifests/release.ts'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { expiryDates } from '../repository/refresh.ts'
import { Repository } from '../repository/repository.ts'
import { loadState, type RepositoryState } from '../repository/repository-state.ts'
import { roleNames, type RoleName } from '../trust/role.ts'
import { checkChunks } from './check-chunks.ts'
import { checkDocuments } from './check-documents.ts'
import { checkPacks } from './check-packs.ts'
import { checkManifests, manifestUsesOf } from './check-manifests.ts'
import { damageOf, type Damage } from './damage.ts'
import { findTouchedPaths } from './find-touched-paths.ts'

export interface VerifyOptions extends CallOptions {
  readonly now: Date
  readonly trustedRoot?: Buffer | undefined
  readonly onProgress?: (progress: VerifyProgress) => void
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
  readonly damages: readonly Damage[]
  /** Roles whose metadata no machine trusts any more. No damage: a refresh or publish renews them. */
  readonly expired: readonly RoleName[]
}

/**
 * Reads everything that the repository vouches for, each chunk and manifest once, and reports all that is missing or
 * is not what it should be, with the releases, modules and paths that it touches. Memory: 160 bytes a chunk, and the
 * damages. Throws what has nothing to do with damage: REPOSITORY_MISSING, ROOT_MISMATCH, a store that cannot answer.
 */
export async function verifyRepository(store: BlobReader, options: VerifyOptions): Promise<VerifyReport> {
  const damages: Damage[] = []
  const state = await loadVerified(store, options, damages)
  if (state === undefined) return { ...nothing, damages }
  const repository = new Repository(store, state)
  const { signal } = options
  const releases = await checkDocuments(repository, damages, { signal })
  const totals = await checkContents(repository, releases, damages, options)
  const packs = await checkPacks(store, damages, { signal })
  return {
    releases: repository.releaseVersions().length,
    channels: repository.channelNames().length,
    ...totals,
    packs,
    damages,
    expired: roleNames.filter((role) => expiryDates(state)[role] <= options.now),
  }
}

const nothing = {
  releases: 0,
  channels: 0,
  manifests: 0,
  chunks: 0,
  packs: 0,
  contentBytes: 0,
  expired: [],
} as const

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
  await using chunks = checkChunks(repository, {
    signal: options.signal,
    onDone: (done) => {
      bytes += done
      const found = damages.length + chunks.damaged.size
      options.onProgress?.({ bytes, totalBytes, chunks: chunks.count, damages: found })
    },
  })
  const readable = await checkManifests(repository, uses, chunks, damages, options)
  await chunks.finish()
  damages.push(...(await findTouchedPaths(repository, readable, chunks.damaged, options)))
  return { manifests: uses.length, chunks: chunks.count, contentBytes: chunks.plainBytes }
}
