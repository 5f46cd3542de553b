import type { BlobStore, CallOptions, FailedDelete } from '../../../storage/blob-store.ts'
import { fence } from '../../repository/fence.ts'
import { sweepSendMs, writeSweep } from '../../repository/sweeps.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'

export interface SweepContext extends CallOptions {
  readonly store: BlobStore
  readonly loadState: () => Promise<RepositoryState>
  /** Those of the keys that no release of the state needs; undefined: the state is not the newest any more. */
  readonly stillGarbage: (
    keys: readonly string[],
    state: RepositoryState,
  ) => Promise<readonly string[] | undefined>
  /** Milliseconds, of a clock that also goes on while the machine sleeps. */
  readonly clock: () => number
}

export interface SweptSlice {
  /** Those that were to be deleted, with or without success. */
  readonly swept: readonly string[]
  readonly failed: readonly FailedDelete[]
  /** How often the timestamp was fenced, won and lost. */
  readonly tries: number
}

/** Half of the time is for the deletes. */
const fenceWithinMs = sweepSendMs / 2

/**
 * Removes keys so that no publish can rely on one of them: says which they are, looks whether they are garbage in the
 * newest state, and makes every commit fail that builds on a state from before; only then it deletes. What says which
 * they are stays: a delete may be carried out once more after its answer, on what is stored anew by then. A later
 * collection removes it when nothing of the sweep can take effect any more. Throws FENCES_USED_UP.
 */
export async function sweepSlice(keys: readonly string[], context: SweepContext): Promise<SweptSlice> {
  for (let tries = 1; ; tries++) {
    context.signal?.throwIfAborted()
    const begun = context.clock()
    // Never the document of an earlier try: somebody may be about to remove that.
    const document = await writeSweep(context.store, keys, context)
    const swept = await prepare(keys, begun, context, document)
    if (swept === 'again') continue
    if (swept.length === 0) return { swept, failed: [], tries: tries - 1 }
    // Not interrupted by the caller: it would be unknown what was deleted.
    const mayStillSend = (): boolean => context.clock() - begun < sweepSendMs
    const { failed } = await context.store.deleteMany(swept, { mayStillSend })
    return { swept, failed, tries }
  }
}

/** What is to be deleted now that the fence stands; unless there is something, no one has to wait for this sweep. */
async function prepare(
  keys: readonly string[],
  begun: number,
  { store, signal, clock, loadState, stillGarbage }: SweepContext,
  document: string,
): Promise<readonly string[] | 'again'> {
  let isFenced = false
  try {
    const state = await loadState()
    const swept = await stillGarbage(keys, state)
    if (swept === undefined || clock() - begun > fenceWithinMs) return 'again'
    if (swept.length === 0) return swept
    isFenced = (await fence(store, state, { signal })) !== undefined
    return isFenced ? swept : 'again'
  } finally {
    if (!isFenced) await store.delete(document)
  }
}
