import { decodeRelease, releaseTargetPath } from '../../../manifests/release.ts'
import { commit, type CommitContext } from '../../repository/commit.ts'
import { RepositoryError } from '../../repository/errors.ts'
import { takeLease } from '../../repository/lease.ts'
import { runKey, listRuns, readRun, type FoundRun, type RetiredRelease } from './quarantine.ts'
import { loadState, type RepositoryState } from '../../repository/repository-state.ts'
import { Repository } from '../../repository/repository.ts'
import { refuseWrongKeys } from '../../repository/role-keys.ts'
import { readRetired } from './lately-retired.ts'
import { refuseIncomplete } from './refuse-incomplete.ts'
import { sweptError } from './swept-error.ts'

export interface UndoneCollection {
  readonly run: string
  /** Listed again, ascending. */
  readonly releases: readonly number[]
}

/**
 * Takes back what a run of the collector, or the last one, has condemned and not yet removed, and lists the releases
 * again that it retired. Throws COLLECTION_UNKNOWN, COLLECTION_SWEPT, PUBLISH_CONFLICT, and TrustError where the keys
 * of releases are not at hand that this takes.
 */
export async function undoCollection(
  context: CommitContext,
  asked: string | undefined,
  onNote?: (note: string) => void,
): Promise<UndoneCollection> {
  const { store, keys, signal } = context
  const found = choose(await listRuns(store, { signal }), asked)
  const state = await loadState(store, { signal, trustedRoot: keys.trustedRoot() })
  const listed = new Set(new Repository(store, state).releaseVersions())
  const retired = (await readRun(store, found.run, { signal }))?.retired ?? []
  const missing = retired.filter(({ version }) => !listed.has(version))
  if (missing.length > 0) await listAgain(context, state, missing, onNote)
  // Only now: until then whatever these releases need is kept for them.
  await store.deleteMany([...found.parts.map(({ key }) => key), runKey(found.run)], { signal })
  return { run: found.run, releases: missing.map(({ version }) => version) }
}

function choose(runs: readonly FoundRun[], asked: string | undefined): FoundRun {
  const found = asked === undefined ? runs.at(-1) : runs.find(({ run }) => run === asked)
  if (found !== undefined) return found
  const names = runs.map(({ run }) => run).join(', ')
  throw new RepositoryError(
    'COLLECTION_UNKNOWN',
    asked === undefined
      ? 'there is no collection to take back'
      : `there is no collection ${asked} to take back`,
    { hint: names === '' ? 'nothing is in quarantine' : `there are: ${names}` },
  )
}

async function listAgain(
  context: CommitContext,
  state: RepositoryState,
  retired: readonly RetiredRelease[],
  onNote: ((note: string) => void) | undefined,
): Promise<void> {
  const { store, keys, now, signal } = context
  await refuseWrongKeys(state, keys, ['releases'])
  await using lease = await takeLease(store, Math.max(...retired.map(({ version }) => version)), now, {
    signal,
  })
  const repository = new Repository(store, state)
  const releases = new Map<string, Buffer>()
  for (const one of retired) {
    const bytes = await readRetired(repository, one, { signal })
    if (bytes === undefined) throw sweptError(one.version, 'its document')
    releases.set(releaseTargetPath(one.version), bytes)
  }
  const check = async (): Promise<void> =>
    refuseIncomplete(repository, [...releases.values()].map(decodeRelease), { signal, onNote, lease })
  await check()
  await commit(context, state, { releases, revalidate: check })
  await lease.end()
}
