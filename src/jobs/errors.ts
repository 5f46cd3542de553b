/** What a queue refuses, or cannot do. */
export class JobError extends Error {
  override readonly name = 'JobError'
  readonly code: JobErrorCode
  readonly hint: string | undefined

  constructor(
    code: JobErrorCode,
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}

export type JobErrorCode =
  | 'JOB_INVALID' // an order that is none
  | 'JOB_UNKNOWN' // no such job, or one that ended long ago
  | 'JOB_ENDED' // nothing is left to cancel
  | 'JOB_CANCELLED' // somebody cancelled it
  | 'JOB_LOST' // the queue was emptied while somebody waited for the job
  | 'JOB_PROCESS_ENDED' // the process that did it was killed, or crashed
  | 'JOB_STALLED' // workers died of it, one after another
  | 'QUEUE_UNAVAILABLE' // Redis does not answer
  | 'QUEUE_FULL' // more jobs wait than may

/** Why a processor is to stop. `cancelled`: for good; `handed-back`: another worker goes on with it. */
export class JobStopped extends Error {
  override readonly name = 'JobStopped'
  readonly why: 'cancelled' | 'handed-back' | 'taken-over' | 'lost'

  constructor(why: JobStopped['why']) {
    super(`the job is to stop: ${why}`)
    this.why = why
  }
}

/** How a processor failed elsewhere, as it was told from there. */
export class JobFailedError extends Error {
  override readonly name = 'JobFailedError'
  readonly code: string
  readonly hint: string | undefined

  constructor(code: string, message: string, hint?: string) {
    super(message)
    this.code = code
    this.hint = hint
  }
}
