import { digestFromHex } from '../../../manifests/digest.ts'
import { releaseTargetPath } from '../../../manifests/release.ts'
import { commit, type CommitContext } from '../../repository/commit.ts'
import { RepositoryError } from '../../repository/errors.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import { canSign } from '../../repository/role-keys.ts'
import type { RetiredRelease } from './quarantine.ts'

const signing = ['releases', 'snapshot', 'timestamp'] as const

/** Why releases cannot be taken off the list here; undefined: they can. */
export function whyNotRetire(state: RepositoryState, keys: CommitContext['keys']): string | undefined {
  const missing = signing.filter((role) => !canSign(state, keys, role))
  return missing.length === 0 ? undefined : `the keys of ${missing.join(', ')} are not in ${keys.directory}`
}

/** What has to be kept of releases, to list them again. */
export function describeRetired(state: RepositoryState, versions: readonly number[]): RetiredRelease[] {
  const { targets } = state.releases.metadata.signed
  return versions.flatMap((version) => {
    const target = targets[releaseTargetPath(version)]
    const hex = target?.hashes['sha256']
    return target === undefined || hex === undefined
      ? []
      : [{ version, digest: digestFromHex(hex), bytes: target.length }]
  })
}

/** Takes releases off the list; their documents stay. Resolves to false when somebody else committed first. */
export async function retireReleases(
  context: CommitContext,
  state: RepositoryState,
  versions: readonly number[],
): Promise<boolean> {
  try {
    await commit(context, state, { retired: new Set(versions.map(releaseTargetPath)) })
    return true
  } catch (error) {
    if (error instanceof RepositoryError && error.code === 'PUBLISH_CONFLICT') return false
    throw error
  }
}
