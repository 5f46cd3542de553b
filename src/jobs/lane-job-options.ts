import type { QueueOptions } from './queue-options.ts'

/** What Bull is told of every job. */
export function laneJobOptions({ attempts, backoffMs, maxEnded, keepEndedMs }: QueueOptions): {
  readonly attempts: number
  readonly backoff: { readonly type: 'exponential'; readonly delay: number }
  readonly removeOnComplete: { readonly age: number; readonly count: number }
  readonly removeOnFail: { readonly age: number; readonly count: number }
  readonly stackTraceLimit: number
} {
  const kept = { age: Math.ceil(keepEndedMs / 1000), count: maxEnded }
  return {
    attempts,
    backoff: { type: 'exponential', delay: backoffMs },
    removeOnComplete: kept,
    removeOnFail: kept,
    stackTraceLimit: 1,
  }
}
