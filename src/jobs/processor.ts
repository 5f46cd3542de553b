import type { JobProgress, JobResult } from './job.ts'
import type { JobKind } from './job-kinds.ts'
import type { JobDetails } from './job-order.ts'

/** What a processor is given beside the details of its job. */
export interface ProcessorContext {
  /** Aborted when the job is to stop; its reason says why (JobStopped). The processor then rejects soon. */
  readonly signal: AbortSignal
  /** May be called as often as there is something new. */
  readonly onProgress: (progress: JobProgress) => void
  /** One line for the job's log. */
  readonly onNote: (text: string) => void
}

/**
 * Does the jobs of a kind. It may run again after it ended, begin anew after it was killed anywhere, and run twice at
 * once: what is done already is found in the store and left. It does not compute in this process for longer than
 * milliseconds, so that the queue's locks are renewed in time.
 */
export type Processor<Kind extends JobKind> = (
  details: JobDetails<Kind>,
  context: ProcessorContext,
) => Promise<JobResult>

export type Processors = { readonly [Kind in JobKind]?: Processor<Kind> }

/** Runs the processor of an order; undefined where there is none for its kind. */
export function processorOf(processors: Processors, kind: JobKind): Processor<JobKind> | undefined {
  return processors[kind]
}
