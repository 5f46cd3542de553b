import type { JsonValue } from '../../manifests/canonical-json.ts'
import type { JobKind } from './job-kinds.ts'
import type { JobOrder } from './job-order.ts'

/**
 * - waiting: for a worker, or for its next attempt
 * - running: a worker has it; also while nobody has noticed yet that the worker is dead
 * - completed, failed, cancelled: it has ended, and stays so
 */
export const jobStates = ['waiting', 'running', 'completed', 'failed', 'cancelled'] as const

export type JobState = (typeof jobStates)[number]

/** What a job is at a moment. */
export interface Job {
  readonly id: string
  readonly order: JobOrder
  readonly state: JobState
  /** Who asked for it, as the one who asked has it; absent where nobody in particular did. */
  readonly by?: string | undefined
  readonly addedAt: Date
  /** Of the last attempt. */
  readonly startedAt?: Date | undefined
  readonly endedAt?: Date | undefined
  /** How many attempts have failed. */
  readonly failures: number
  readonly progress?: JobProgress | undefined
  /** Of one that is completed. */
  readonly result?: JobResult | undefined
  /** Of one that is failed or cancelled. */
  readonly failure?: JobFailure | undefined
}

/** Small: what is large lies in the store, and the result says where. */
export type JobResult = Readonly<Record<string, JsonValue>>

export interface JobFailure {
  /** Of the error, such as `STORE_UNAVAILABLE` (docs/errors.md). */
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
}

/** How far a job is: what a progress bar needs. */
export interface JobProgress {
  readonly title: string
  readonly done: number
  /** Absent while nobody knows. */
  readonly total?: number | undefined
  readonly unit: 'bytes' | 'entries'
  readonly detail?: string | undefined
}

/** What happens to a job. Those with an id are kept and told again to whoever comes later; progress is not. */
export type JobEvent =
  | {
      readonly kind: 'state'
      readonly id: string
      readonly state: JobState
      /** Of a job that waits for its next attempt, and of one that has failed or was cancelled. */
      readonly failure?: JobFailure | undefined
      readonly result?: JobResult | undefined
    }
  | { readonly kind: 'log'; readonly id: string; readonly text: string }
  | { readonly kind: 'progress'; readonly progress: JobProgress }

export function hasEnded(state: JobState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled'
}

/** How many jobs of a kind there are, for whoever watches the queue. */
export interface KindDepth {
  readonly kind: JobKind
  /** Of those for which nothing but a worker is missing. */
  readonly waiting: number
  readonly running: number
  /** How long ago the first of those that wait was added, in milliseconds; 0 when none waits. */
  readonly oldestWaitingMs: number
}

export type JobFilter = {
  readonly kind?: JobKind | undefined
  readonly state?: JobState | undefined
  readonly limit: number
}
