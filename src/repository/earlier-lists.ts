import type { Snapshot } from '@tufjs/models'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { readLogHead, type LogHead } from '../transparency/log-head.ts'
import { delegatedRoleNames } from '../trust/role.ts'
import type { Listed } from './new-entries.ts'
import { readNumberedSnapshot, readNumberedTargets } from './read-numbered.ts'
import type { RepositoryState } from './repository-state.ts'

/** An earlier head of the log, or the head that it would have had if that publish had not lost its race. */
export interface EarlierHead {
  /** Of the newest snapshot that has it. */
  readonly version: number
  readonly head: LogHead | undefined
  readonly snapshot: Snapshot
}

/** What a repository listed when its log had that head. */
export interface EarlierList {
  readonly head: LogHead | undefined
  /** Empty where there was no log: the first one begins with all that is listed. */
  readonly listed: Listed
}

/** So many commits may have changed nothing in the log since: three years of daily refreshes. */
const maxSnapshots = 1000

/** The heads in earlier snapshots, newest first, each once. Their signatures are not checked. */
export async function* earlierHeads(
  store: BlobReader,
  state: RepositoryState,
  options: CallOptions,
): AsyncGenerator<EarlierHead, void, undefined> {
  const newest = state.snapshot.metadata.signed.version - 1
  const seen = new Set<string>()
  for (let version = newest; version > 0 && newest - version < maxSnapshots; version--) {
    const found = await readNumberedSnapshot(store, version, options)
    if (found === undefined || found === 'missing') continue
    const snapshot = found.metadata.signed
    const head = headOf(snapshot)
    const name = JSON.stringify(head ?? null)
    if (seen.has(name)) continue
    seen.add(name)
    yield { version, head, snapshot }
  }
}

/**
 * What earlier snapshots list, newest first. No signature is checked: what follows from a list is to be compared with
 * what is signed.
 */
export async function* earlierLists(
  store: BlobReader,
  state: RepositoryState,
  options: CallOptions,
): AsyncGenerator<EarlierList, void, undefined> {
  for await (const { head, snapshot } of earlierHeads(store, state, options)) {
    const listed = head === undefined ? {} : await listedBy(store, snapshot, options)
    if (listed !== undefined) yield { head, listed }
  }
}

async function listedBy(
  store: BlobReader,
  { meta }: Snapshot,
  options: CallOptions,
): Promise<Listed | undefined> {
  const lists: Listed[] = []
  for (const role of delegatedRoleNames) {
    const found = await readNumberedTargets(store, role, meta[`${role}.json`]?.version ?? 0, options)
    if (found === undefined || found === 'missing') return undefined
    lists.push(found.metadata.signed.targets)
  }
  return Object.assign({}, ...lists) as Listed
}

function headOf({ unrecognizedFields }: Snapshot): LogHead | undefined {
  try {
    return readLogHead(unrecognizedFields['log'])
  } catch {
    return undefined
  }
}
