import { JobError, JobFailedError, JobStopped } from './errors.ts'
import type { JobFailure, JobResult } from './job.ts'
import type { JobOrder } from './job-order.ts'
import { JobReport, type ReportSink } from './job-report.ts'
import { processorOf, type Processors } from './processor.ts'
import type { QueueOptions } from './queue-options.ts'

/** More is cut: what a job comes to is told by a few numbers and names. */
const maxResultBytes = 16_384
const maxMessageLength = 2000

export interface OrderRun {
  readonly signal: AbortSignal
  readonly sink: ReportSink
  readonly options: QueueOptions
}

/** Runs the processor of an order to its end. A processor that stops because it is to rejects with the reason. */
export async function runOrder(
  processors: Processors,
  order: JobOrder,
  { signal, sink, options }: OrderRun,
): Promise<JobResult> {
  signal.throwIfAborted()
  const processor = processorOf(processors, order.kind)
  if (processor === undefined) throw new JobError('JOB_INVALID', `this worker does no ${order.kind}`)
  using report = new JobReport(sink, options)
  try {
    const result = await processor(order.details, {
      signal,
      onProgress: (progress) => report.progress(progress),
      onNote: (text) => report.note(text),
    })
    if (JSON.stringify(result).length <= maxResultBytes) return result
    throw new JobFailedError('JOB_INVALID', 'its result is larger than a result may be')
  } catch (error) {
    if (signal.reason instanceof JobStopped) throw signal.reason
    throw error
  }
}

/** How an error is told to whoever asked for the job: its code and words, never its stack. */
export function failureOf(error: unknown): JobFailure {
  if (error instanceof JobStopped && error.why === 'cancelled') return cancelled
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const hint = error instanceof Error && 'hint' in error ? error.hint : undefined
  return {
    code: typeof code === 'string' ? code : 'INTERNAL',
    message: (error instanceof Error ? error.message : String(error)).slice(0, maxMessageLength),
    ...(typeof hint === 'string' && { hint: hint.slice(0, maxMessageLength) }),
  }
}

export const cancelled: JobFailure = { code: 'JOB_CANCELLED', message: 'it was cancelled' }
