import type { JobFailure, JobProgress, JobResult } from '../../jobs/job.ts'
import type { JobOrder } from '../../jobs/job-order.ts'
import type { CollectionPolicy } from '../../jobs/processors/collect-garbage.ts'

/** What the process that does a job is asked for, once and first. */
export interface WorkOrder {
  readonly storeUrl: string
  /** Where the trusted root lies, if there is one. */
  readonly keys: string
  readonly passphraseFile: string | undefined
  readonly collection: CollectionPolicy
  /** Of mirrors. */
  readonly sources: readonly string[]
  readonly order: JobOrder
  readonly threads: number
}

/** What it is told later: to end by itself, before it is killed. */
export interface StopOrder {
  readonly kind: 'stop'
}

/** What it says: `done` or `failed` once and last. */
export type WorkMessage =
  | { readonly kind: 'progress'; readonly progress: JobProgress }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'done'; readonly result: JobResult }
  | { readonly kind: 'failed'; readonly failure: JobFailure }
