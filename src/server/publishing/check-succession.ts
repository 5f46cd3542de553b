import type { TargetFile, Targets } from '@tufjs/models'
import type { RepositoryState } from '../../repository/repository-state.ts'
import type { SignedMetadata } from '../../trust/sign-metadata.ts'
import { delegatedRoleNames } from '../../trust/role.ts'
import { ProblemError } from '../problem.ts'

/** What both states have. */
type State = RepositoryState

/**
 * Whether one state may follow the other: nothing goes back, the keys stay, and nothing is said where releases and
 * channels are listed but these. Both are verified. Throws COMMIT_REFUSED for keys, METADATA_REFUSED for the rest.
 */
export function checkSuccession(before: State, after: State, now: Date): void {
  for (const role of ['root', 'targets'] as const) {
    if (!after[role].bytes.equals(before[role].bytes)) {
      throw new ProblemError(
        'COMMIT_REFUSED',
        `it changes ${role}.json; keys are changed where the store is, with "vend keys apply"`,
      )
    }
  }
  for (const role of ['timestamp', 'snapshot'] as const) {
    const [was, is] = [before[role].metadata.signed.version, after[role].metadata.signed.version]
    if (is <= was) throw refused(`${role}.json goes from version ${was} to ${is}`)
  }
  const listed = Object.keys(after.snapshot.metadata.signed.meta).sort().join(' ')
  if (listed !== 'channels.json releases.json targets.json') {
    throw refused(`snapshot.json lists ${listed} instead of targets.json, releases.json and channels.json`)
  }
  for (const role of delegatedRoleNames) checkDelegated(role, before[role], after[role])
  checkExpiry(before, after, now)
}

function checkDelegated(role: string, before: SignedMetadata<Targets>, after: SignedMetadata<Targets>): void {
  if (after.bytes.equals(before.bytes)) return
  const { signed } = after.metadata
  const was = before.metadata.signed.version
  if (signed.version <= was) throw refused(`${role}.json goes from version ${was} to ${signed.version}`)
  if (signed.delegations !== undefined) throw refused(`${role}.json delegates to others`)
  const known = new Set([...Object.keys(before.metadata.signed.unrecognizedFields), 'signedAt'])
  const more = Object.keys(signed.unrecognizedFields).find((name) => !known.has(name))
  if (more !== undefined) throw refused(`${role}.json has a member ${JSON.stringify(more)}`)
  for (const [path, target] of Object.entries(signed.targets)) checkTarget(role, path, target)
}

const targetPaths: Readonly<Record<string, RegExp>> = {
  releases: /^releases\/[1-9]\d{0,15}\.json$/,
  channels: /^channels\/[a-z0-9][a-z0-9._-]{0,63}\.json$/,
}

function checkTarget(role: string, path: string, { hashes, custom }: TargetFile): void {
  if (targetPaths[role]?.test(path) !== true) throw refused(`${role}.json lists ${JSON.stringify(path)}`)
  if (Object.keys(hashes).join(' ') !== 'sha256' || !/^[0-9a-f]{64}$/.test(hashes['sha256'] ?? '')) {
    throw refused(`${role}.json lists ${path} without its sha256, or with more`)
  }
  const more = Object.keys(custom).find((name) => name !== 'document')
  if (more !== undefined) throw refused(`${role}.json says ${JSON.stringify(more)} of ${path}`)
}

/** What machines would refuse the moment it is there, and with it the whole repository. */
function checkExpiry(before: State, after: State, now: Date): void {
  for (const role of ['releases', 'channels', 'snapshot', 'timestamp'] as const) {
    if (after[role].bytes.equals(before[role].bytes)) continue
    const { expires } = after[role].metadata.signed
    if (!(new Date(expires) > now)) throw refused(`${role}.json expired at ${expires}`)
  }
}

function refused(problem: string): ProblemError {
  return new ProblemError('METADATA_REFUSED', problem)
}
