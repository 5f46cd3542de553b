import { digestFromHex } from '../../../manifests/digest.ts'
import { metadataKey, targetKey, timestampKey } from '../../repository/layout.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import { delegatedRoleNames } from '../../trust/role.ts'
import { keyRefused, type CommitRequest } from './commit-request.ts'

/** Nothing is stored that the change does not need. Throws COMMIT_KEY_REFUSED. */
export function refuseUnused(
  { objects }: CommitRequest,
  before: RepositoryState,
  after: RepositoryState,
): void {
  const used = new Set([timestampKey, metadataKey('snapshot', after.snapshot.metadata.signed.version)])
  for (const role of delegatedRoleNames) {
    const { version, targets } = after[role].metadata.signed
    if (!after[role].bytes.equals(before[role].bytes)) used.add(metadataKey(role, version))
    const earlier = before[role].metadata.signed.targets
    for (const [path, { hashes }] of Object.entries(targets)) {
      const sha256 = hashes['sha256'] ?? ''
      const isNew = !Object.hasOwn(earlier, path) || earlier[path]?.hashes['sha256'] !== sha256
      if (isNew) used.add(targetKey(path, digestFromHex(sha256)))
    }
  }
  const unused = objects.keys().find((key) => !used.has(key))
  if (unused !== undefined) throw keyRefused(unused, 'is no part of what becomes visible')
}
