import type { LaneJob } from './bull-lane.ts'
import { JobError } from './errors.ts'
import type { Job, JobFailure, JobProgress, JobResult, JobState } from './job.ts'
import { readOrder } from './job-order.ts'

/** How Bull's record of a job is ours. Bull keeps the message of an error alone: ours is the whole failure, as JSON. */

export function errorOfFailure(failure: JobFailure): Error {
  const error = new Error(JSON.stringify(failure))
  // Where it was thrown says nothing to whoever reads the queue.
  error.stack = failure.code
  return error
}

export function failureOfReason(reason: string | undefined): JobFailure {
  try {
    const { code, message, hint } = JSON.parse(reason ?? '') as Partial<JobFailure>
    if (typeof code === 'string' && typeof message === 'string') {
      return { code, message, ...(typeof hint === 'string' && { hint }) }
    }
  } catch {
    // Bull's own words.
  }
  return {
    code: 'JOB_STALLED',
    message: `one worker after another died while it had the job (${reason ?? 'no reason'})`,
  }
}

/** How it ended; undefined while it has not. */
export function endOf({
  finishedOn,
  returnvalue,
  failedReason,
}: Pick<LaneJob, 'finishedOn' | 'returnvalue' | 'failedReason'>):
  { readonly state: JobState; readonly result?: JobResult; readonly failure?: JobFailure } | undefined {
  if (finishedOn === undefined) return undefined
  const kept = returnvalue as { readonly result: JobResult } | null | undefined
  if (kept !== null && kept !== undefined) return { state: 'completed', result: kept.result }
  const failure = failureOfReason(failedReason)
  return { state: failure.code === 'JOB_CANCELLED' ? 'cancelled' : 'failed', failure }
}

/** Undefined for what is no job of ours, or of another version. `isActive`: in the hands of a worker. */
export function jobOfRecord(record: LaneJob, isActive: boolean): Job | undefined {
  try {
    // A record that lost a race against its removal has nothing but a time.
    const { data, attemptsMade, timestamp, processedOn, finishedOn } = record as Partial<LaneJob>
    const progress = progressOf(record.progress())
    return {
      id: String(record.id),
      order: readOrder(record.name, data?.details),
      by: data?.by,
      addedAt: new Date(timestamp ?? 0),
      failures: attemptsMade ?? 0,
      ...(processedOn !== undefined && { startedAt: new Date(processedOn) }),
      ...(finishedOn !== undefined && { endedAt: new Date(finishedOn) }),
      ...(progress !== undefined && { progress }),
      ...(endOf(record) ?? { state: isActive ? 'running' : 'waiting' }),
    }
  } catch (error) {
    if (error instanceof JobError) return undefined
    throw error
  }
}

export function progressOf(kept: unknown): JobProgress | undefined {
  return typeof kept === 'object' && kept !== null && 'title' in kept ? (kept as JobProgress) : undefined
}
