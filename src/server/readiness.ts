import { setTimeout as sleep } from 'node:timers/promises'
import { StoreError } from '../../storage/errors.ts'
import type { Repository } from '../repository/repository.ts'

/** What a server or a worker needs to do its work. */
export interface Readiness {
  readonly repository: { get(): Promise<Repository> }
  /** Rejects when the queue does not answer; undefined where there is none that could be lost. */
  readonly pingQueue?: (() => Promise<void>) | undefined
  /** Default: 2 s. */
  readonly pingMs?: number | undefined
}

/** What may be away: no more is said of it to whoever asks, and the log has the rest. */
export type Part = 'store' | 'repository' | 'queue'

/** What does not answer, of all parts. */
export async function notReadyParts(readiness: Readiness): Promise<Part[]> {
  const repository = readiness.repository.get().then(
    () => [],
    (error: unknown) => [partOf(error)],
  )
  const parts = await Promise.all([
    repository,
    isQueueAway(readiness).then((away) => (away ? ['queue'] : [])),
  ])
  return parts.flat() as Part[]
}

/** Which part an error of reading the repository is about. */
export function partOf(error: unknown): Part {
  return error instanceof StoreError ? 'store' : 'repository'
}

export async function isQueueAway({ pingQueue, pingMs = 2000 }: Readiness): Promise<boolean> {
  if (pingQueue === undefined) return false
  const over = new AbortController()
  const answered = pingQueue().then(
    () => true,
    () => false,
  )
  const late = sleep(pingMs, false, { signal: over.signal }).catch(() => false)
  const isThere = await Promise.race([answered, late])
  over.abort()
  return !isThere
}
