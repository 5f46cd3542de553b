import { setTimeout as sleep } from 'node:timers/promises'
import { JobError, JobFailedError } from './errors.ts'
import type { JobEvent, JobFailure, JobResult } from './job.ts'
import type { JobOrder } from './job-order.ts'
import type { JobQueue } from './job-queue.ts'

export interface WaitOptions {
  readonly signal: AbortSignal
  readonly onEvent?: (event: JobEvent) => void
  /** The queue does not answer; it is asked again and again. Told once an outage. */
  readonly onOutage?: (error: JobError) => void
  /** How long a job that is gone may stay so: a worker that has it puts it back. Default: 15 s. */
  readonly missingMs?: number
}

const outageMs = 1000

/**
 * Waits for a job to end, through outages of its queue. Throws JobFailedError with what it failed of, JOB_CANCELLED,
 * JOB_LOST, JOB_UNKNOWN, or the signal's reason: the job goes on then.
 */
export async function waitForJob(
  queue: Pick<JobQueue, 'events'>,
  id: string,
  { signal, onEvent, onOutage, missingMs = 15_000 }: WaitOptions,
): Promise<JobResult> {
  let after: string | undefined
  let isOut = false
  /** It was there, or nobody can say that it was not. */
  let mayComeBack = false
  let missingSince: number | undefined
  for (;;) {
    try {
      for await (const event of queue.events(id, { after, signal })) {
        isOut = false
        missingSince = undefined
        mayComeBack = true
        if (event.kind !== 'progress') after = event.id
        onEvent?.(event)
        if (event.kind !== 'state') continue
        if (event.state === 'completed') return event.result ?? {}
        if (event.state === 'failed' || event.state === 'cancelled') throw errorOf(event.failure)
      }
      signal.throwIfAborted()
      throw new JobError('JOB_LOST', `nothing is known any more of the job ${id}`)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof JobError) || !isOfQueue(error)) throw error
      if (error.code === 'QUEUE_UNAVAILABLE') {
        if (!isOut) onOutage?.(error)
        isOut = true
        mayComeBack = true
      } else {
        missingSince ??= performance.now()
        if (!mayComeBack || performance.now() - missingSince > missingMs) throw error
      }
      await sleep(outageMs, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
}

/** Has it done, however often the queue is lost meanwhile: what was done already is found in the store. */
export async function haveDone(
  queue: Pick<JobQueue, 'add' | 'events'>,
  order: JobOrder,
  options: WaitOptions & { readonly by?: string | undefined; readonly onAdded?: (id: string) => void },
): Promise<JobResult> {
  const { signal, by, onAdded } = options
  for (;;) {
    try {
      const id = await queue.add(order, { by })
      onAdded?.(id)
      return await waitForJob(queue, id, { ...options, missingMs: 0 })
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof JobError) || !isOfQueue(error)) throw error
      options.onOutage?.(error)
      await sleep(outageMs, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
}

function isOfQueue({ code }: JobError): boolean {
  return code === 'QUEUE_UNAVAILABLE' || code === 'JOB_LOST' || code === 'JOB_UNKNOWN'
}

function errorOf(failure: JobFailure | undefined): Error {
  const { code, message, hint } = failure ?? { code: 'INTERNAL', message: 'it failed', hint: undefined }
  return code === 'JOB_CANCELLED' ? new JobError(code, message) : new JobFailedError(code, message, hint)
}
