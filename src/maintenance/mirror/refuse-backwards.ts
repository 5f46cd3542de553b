import type { Root } from '@tufjs/models'
import { withoutFences } from '../../repository/fence.ts'
import { logHeadOf } from '../../repository/repository-log.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import { refuseOtherHistory } from '../../transparency/log-head.ts'
import { MirrorError } from './errors.ts'
import type { MirrorBase } from './mirror-target.ts'

const numbered = ['snapshot', 'targets', 'releases', 'channels'] as const

/**
 * Throws MIRROR_BACKWARDS where the source is older than the destination, MIRROR_FORKED where the two have different
 * metadata under one number, and LOG_FORKED where the log of one is no beginning of the other's. Once a root has given
 * snapshot or timestamp other keys, what the old ones signed binds nobody (TUF §5.3.11).
 */
export function refuseBackwards(base: MirrorBase, state: RepositoryState, source: string): void {
  const [before, after] = [base.state.root.metadata.signed, state.root.metadata.signed]
  if (after.version < before.version) throw backwards(source, 'root', after.version, before.version)
  if (!haveSameKeys(base.state, state)) return
  const version = state.timestamp.metadata.signed.version
  if (version < base.timestamp) throw backwards(source, 'timestamp', version, base.timestamp)
  for (const role of numbered) {
    const [there, here] = [base.state[role], state[role]]
    const [had, has] = [there.metadata.signed.version, here.metadata.signed.version]
    if (has < had) throw backwards(source, role, has, had)
    if (has === had && !there.bytes.equals(here.bytes)) throw forked(source, role, has)
  }
  const head = logHeadOf(base.state)
  if (head !== undefined) refuseOtherHistory(head, logHeadOf(state))
}

/** As above, of two timestamps of one number. */
export function refuseOtherTimestamp(mine: Buffer, theirs: Buffer, source: string, version: number): void {
  if (Buffer.compare(withoutFences(mine), withoutFences(theirs)) !== 0)
    throw forked(source, 'timestamp', version)
}

/** Whether the same keys sign snapshots and timestamps. */
export function haveSameKeys(
  one: Pick<RepositoryState, 'root'>,
  other: Pick<RepositoryState, 'root'>,
): boolean {
  return keysOf(one.root.metadata.signed) === keysOf(other.root.metadata.signed)
}

function keysOf({ roles }: Root): string {
  return ['snapshot', 'timestamp'].map((role) => [...(roles[role]?.keyIDs ?? [])].sort().join()).join(' ')
}

function backwards(source: string, role: string, has: number, had: number): MirrorError {
  return new MirrorError(
    'MIRROR_BACKWARDS',
    `${source} is older than the destination: its ${role} has version ${has}, there it is ${had}`,
    {
      hint: 'a mirror never goes back: name the newer one as the source, or wait until the source has caught up',
    },
  )
}

function forked(source: string, role: string, version: number): MirrorError {
  return new MirrorError(
    'MIRROR_FORKED',
    `${source} and the destination have different metadata as ${role} ${version}`,
    {
      hint: 'one of them was published to by itself, or its keys are in other hands: find out which is right before anything else',
    },
  )
}
