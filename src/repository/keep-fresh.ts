import { setTimeout as sleep } from 'node:timers/promises'
import type { BlobStore } from '../../storage/blob-store.ts'
import type { KeyRing } from '../trust/key-ring.ts'
import { isOnline, onlineRoleNames, type RoleName } from '../trust/role.ts'
import { expiringSoon, expiryDates, isDueIn, refreshExpiry } from './refresh.ts'
import { loadState } from './repository-state.ts'

export interface KeepFreshOptions {
  readonly store: BlobStore
  /** Opened anew each time: keys may be changed while a server runs. */
  readonly openKeys: () => KeyRing
  readonly now: () => Date
  /** Ends it. */
  readonly signal: AbortSignal
  readonly onRefreshed?: (expires: Readonly<Record<RoleName, Date>>) => void
  /** Told at each look of roles that it has no part in, and that somebody has to sign anew soon. */
  readonly onExpiring?: (roles: readonly RoleName[]) => void
  /** It goes on: what failed is tried again at the next look. */
  readonly onFailed?: (error: unknown) => void
  /** Between two looks. Default: an hour. */
  readonly intervalMs?: number
}

const hourMs = 60 * 60 * 1000

/**
 * Signs snapshot and timestamp anew whenever half of the term of one is over, until it is aborted. It signs nothing
 * else, whatever keys there are, and so can add no content. Any number of processes may do this for one store: who
 * comes second finds it done.
 */
export async function keepFresh(options: KeepFreshOptions): Promise<void> {
  const { signal, intervalMs = hourMs } = options
  const isEnded = (): boolean => signal.aborted
  while (!isEnded()) {
    try {
      await refreshWhenDue(options)
    } catch (error) {
      if (isEnded()) return
      options.onFailed?.(error)
    }
    // Not all at the same time, where several processes were started together.
    await sleep(intervalMs * (0.75 + Math.random() / 2), undefined, { signal, ref: false }).catch(
      () => undefined,
    )
  }
}

/** One look. Throws what it fails of. */
export async function refreshWhenDue({
  store,
  openKeys,
  now,
  signal,
  onRefreshed,
  onExpiring,
}: Omit<KeepFreshOptions, 'onFailed' | 'intervalMs'>): Promise<void> {
  const keys = openKeys()
  const before = await loadState(store, { signal, trustedRoot: keys.trustedRoot() })
  const expiring = expiringSoon(before, now()).filter((role) => !isOnline(role))
  if (expiring.length > 0) onExpiring?.(expiring)
  if (!onlineRoleNames.some((role) => isDueIn(before, role, now()))) return
  const { state } = await refreshExpiry({ store, keys, now: now(), signal }, { onlyOnline: true })
  onRefreshed?.(expiryDates(state))
}
