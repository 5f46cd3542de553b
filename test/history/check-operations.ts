import type { Operation } from './operation.ts'
import type { Commit } from './reachability-checker.ts'
import type { VisibleState } from './ground-truth.ts'
import { Violation } from './violation.ts'

/**
 * Whether the operations have an order in which each happened at once, between its call and its return: that of the
 * timestamps, which replaced one another. Throws a Violation.
 */
export function checkOperations(operations: readonly Operation[], commits: readonly Commit[]): void {
  commits.forEach((commit, index) => {
    const before = commits[index - 1]
    if (before !== undefined) checkStep(before.state, commit)
  })
  for (const operation of operations) checkAnswer(operation, commits)
}

/** A commit changes what its operation is about, and nothing else. */
function checkStep(before: VisibleState, { state: after, operation }: Commit): void {
  const about = operation as Operation | undefined
  if (about === undefined) throw new Violation(`timestamp ${after.timestamp} is of no operation`)
  const { kind, name, version, channel } = about
  const changes = [
    ...changesBetween(before.releases, after.releases).map((release) => ({
      what: 'release',
      which: release,
    })),
    ...changesBetween(before.channels, after.channels).map((one) => ({ what: 'channel', which: one })),
  ]
  for (const { what, which } of changes) {
    const isOwn = what === 'release' ? which === version : which === channel
    // Of one that never was, another check says so.
    const isBack = kind === 'undo' && what === 'release' && after.releases.has(Number(which))
    const isRetired = kind === 'collect' && what === 'release' && !after.releases.has(Number(which))
    if (isOwn || isRetired || isBack) continue
    throw new Violation(`${kind} ${version ?? ''} of ${name} changed ${what} ${which}`)
  }
  if (kind === 'publish' && version !== undefined && !after.releases.has(version)) {
    throw new Violation(`the publish of ${version} by ${name} committed without it`)
  }
}

function changesBetween<Name>(before: ReadonlyMap<Name, string>, after: ReadonlyMap<Name, string>): Name[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => before.get(name) !== after.get(name),
  )
}

function checkAnswer(operation: Operation, commits: readonly Commit[]): void {
  const { kind, name, outcome, begun, ended = Number.POSITIVE_INFINITY } = operation
  // It commits when and as often as it likes.
  if (kind === 'collect') return
  const what = `${kind} ${operation.version ?? operation.channel ?? ''} of ${name}`
  const own = commits.filter((commit) => commit.operation === operation)
  if (own.length > 1) throw new Violation(`${what} became visible ${own.length} times`)
  const [commit] = own
  if (commit !== undefined) {
    if (outcome === 'conflict' || outcome === 'refused') {
      throw new Violation(`${what} was told "${outcome}", and is visible since step ${commit.step}`)
    }
    if (outcome !== undefined && outcome !== 'unknown' && (commit.step < begun || commit.step > ended)) {
      throw new Violation(`${what} became visible at step ${commit.step}, outside ${begun} to ${ended}`)
    }
    return
  }
  const isVisible = kind === 'refresh' ? isRenewed(operation, commits) : isOfTwin(operation, commits)
  if (outcome === 'done' && kind !== 'undo' && !isVisible)
    throw new Violation(`${what} was told "done", and is not visible`)
  if (outcome === 'found' && kind === 'publish' && !wasVisible(operation, commits)) {
    throw new Violation(`${what} was told that it was there already, and was not`)
  }
}

/** Every commit signs anew what a refresh does. */
function isRenewed(
  { begun, ended = Number.POSITIVE_INFINITY }: Operation,
  commits: readonly Commit[],
): boolean {
  return commits.some(({ step }) => step >= begun && step <= ended)
}

/** Somebody else made the same documents visible. */
function isOfTwin(operation: Operation, commits: readonly Commit[]): boolean {
  const { ended = Number.POSITIVE_INFINITY, kind, version, channel } = operation
  return commits.some(({ step, operation: other }) => {
    const twin = other as Operation | undefined
    if (twin === undefined || step > ended || twin.kind !== kind || twin.version !== version) return false
    return channel === undefined || twin.channel === channel
  })
}

/** At some moment between call and return. */
function wasVisible(
  { begun, ended = Number.POSITIVE_INFINITY, version = 0 }: Operation,
  commits: readonly Commit[],
): boolean {
  return commits.some(({ step, state }, index) => {
    const until = commits[index + 1]?.step ?? Number.POSITIVE_INFINITY
    return state.releases.has(version) && step <= ended && until >= begun
  })
}
