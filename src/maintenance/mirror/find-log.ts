import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { checkpointKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { logHeadOf } from '../../repository/repository-log.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import { maxCheckpointBytes, parseCheckpoint } from '../../transparency/checkpoint.ts'
import { LogError } from '../../transparency/errors.ts'
import type { LogEntry } from '../../transparency/log-entry.ts'
import { isSameHead, readLogHead, type LogHead } from '../../transparency/log-head.ts'
import { checkpointProblem, snapshotKeysOf } from '../checkpoint-problem.ts'
import type { MirroredHistory } from './copy-history.ts'
import { prepareLog, type PreparedLog } from './copy-log.ts'
import type { MirroredLog, MirrorTarget } from './mirror-target.ts'
import { haveSameKeys } from './refuse-backwards.ts'
import type { Scratch } from './scratch.ts'

/** Of a source whose log is behind: a commit that is under way, or did not come to its end, lacks the last steps. */
const headsTried = 4

export interface FoundLog {
  /** Whether the destination has all of it. */
  readonly isThere: boolean
  readonly prepared: PreparedLog | undefined
  readonly entries: () => AsyncGenerator<LogEntry, void, undefined>
}

/**
 * The part of the source's log that the destination lacks; without a `history` only whether there is one. Where the
 * source has not written all of its log yet, as far as it has: up to an earlier head that was signed.
 */
export async function findLog(
  source: BlobReader,
  target: MirrorTarget,
  state: RepositoryState,
  history: MirroredHistory | undefined,
  options: CallOptions & { readonly scratch: Scratch; readonly onNote?: (note: string) => void },
): Promise<FoundLog> {
  const head = logHeadOf(state)
  if (head === undefined) return { isThere: true, prepared: undefined, entries: none }
  const from = await knownLog(target, state, head)
  const isThere = from !== undefined && isSameHead(from.head, head)
  if (history === undefined) return { isThere, prepared: undefined, entries: none }
  const milestones = history.snapshots.flatMap(
    ({ metadata }) => headOf(metadata.signed.unrecognizedFields) ?? [],
  )
  const earlier = [
    ...milestones.toReversed().slice(0, headsTried),
    ...(from === undefined ? [] : [from.head]),
  ]
  const heads = [head, ...earlier]
  let failure: unknown
  for (const tried of heads) {
    try {
      const prepared = await prepareLog(source, tried, { ...options, from: fitting(from, tried), milestones })
      if (tried !== head)
        options.onNote?.(`the log of ${source.name} is behind its signed head: the next run copies the rest`)
      return { isThere, prepared, entries: prepared.entries }
    } catch (error) {
      if (!(error instanceof LogError) || error.code !== 'LOG_INVALID') throw error
      failure ??= error
    }
  }
  throw failure
}

/** Copies the source's checkpoint if it is of this head, or of an earlier one that the destination has. */
export async function putSourceCheckpoint(
  source: BlobReader,
  target: MirrorTarget,
  state: RepositoryState,
  head: LogHead,
  options: CallOptions & { readonly onNote: (note: string) => void },
): Promise<void> {
  const bytes = (await readBlob(source, checkpointKey, { ...options, maxBytes: maxCheckpointBytes }))?.bytes
  const problem = checkpointProblem(bytes, await snapshotKeysOf(source, state, options))
  const checkpoint = bytes === undefined ? undefined : parseCheckpoint(bytes)
  if (problem !== undefined || bytes === undefined || checkpoint === undefined) {
    options.onNote(
      `${source.name}: ${checkpointKey} ${problem}: the next commit there, or "vend refresh", writes it`,
    )
  } else if (isSameHead(checkpoint.head, head)) {
    await target.putCheckpoint(bytes, head.size)
  }
}

/** Nothing of it where other keys sign the log now: what the old ones signed may be invented. */
async function knownLog(
  target: MirrorTarget,
  state: RepositoryState,
  head: LogHead,
): Promise<MirroredLog | undefined> {
  const { base } = target
  if (base !== undefined && !haveSameKeys(base.state, state)) return undefined
  const log = await target.log()
  return log?.head.origin === head.origin && log.head.size <= head.size ? log : undefined
}

function fitting(from: MirroredLog | undefined, head: LogHead): MirroredLog | undefined {
  return from !== undefined && from.head.size <= head.size ? from : undefined
}

function headOf(fields: Readonly<Record<string, unknown>>): LogHead | undefined {
  try {
    return readLogHead(fields['log'])
  } catch {
    return undefined
  }
}

async function* none(): AsyncGenerator<LogEntry, void, undefined> {
  // There is no log, or nothing of it is to be read.
}
