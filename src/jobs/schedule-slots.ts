import { setTimeout as sleep } from 'node:timers/promises'
import type { Schedule } from './job-queue.ts'

/** However long the interval: a queue that was emptied has its schedules back after so long. */
const maxLookMs = 30_000

/**
 * Has the next job of a schedule added, again and again, until it is aborted. The id follows from the interval, so
 * that all who do this mean one job; adding it twice must be harmless, and failing is: it is done again.
 */
export async function slotsOf(
  { order, everyMs }: Schedule,
  signal: AbortSignal,
  add: (id: string, due: number) => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    const slot = Math.floor(Date.now() / everyMs) + 1
    await add(`${order.kind}-every-${everyMs}-${slot}`, slot * everyMs).catch(() => undefined)
    await sleep(Math.min(everyMs / 4, maxLookMs), undefined, { signal, ref: false }).catch(() => undefined)
  }
}
