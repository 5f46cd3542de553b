import type { BlobStore } from '../../../storage/blob-store.ts'
import { refreshWhenDue } from '../../repository/keep-fresh.ts'
import type { KeyRing } from '../../trust/key-ring.ts'
import type { Processor } from '../processor.ts'

export interface RefreshTimestampOptions {
  readonly store: BlobStore
  /** Opened anew each time: keys may be changed while a worker runs. */
  readonly openKeys: () => KeyRing
  readonly now: () => Date
}

/** Signs snapshot and timestamp anew when half of the term of one is over. It needs their two keys. */
export function refreshTimestamp({
  store,
  openKeys,
  now,
}: RefreshTimestampOptions): Processor<'refresh-timestamp'> {
  return async (_details, { signal, onNote }) => {
    let result: Record<string, string | boolean> = { isNew: false }
    await refreshWhenDue({
      store,
      openKeys,
      now,
      signal,
      onRefreshed: ({ snapshot, timestamp }) => {
        result = { isNew: true, snapshot: snapshot.toISOString(), timestamp: timestamp.toISOString() }
      },
      onExpiring: (roles) => {
        onNote(`${roles.join(', ')} expire soon: run "vend refresh" where their keys are`)
      },
    })
    return result
  }
}
