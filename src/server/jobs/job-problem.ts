import { JobError } from '../../jobs/errors.ts'
import { ProblemError } from '../problem.ts'

/** What to tell of an error of the queue; others are passed on. Its words name hosts, and stay in the log. */
export function jobProblem(error: unknown): unknown {
  if (!(error instanceof JobError)) return error
  switch (error.code) {
    case 'JOB_INVALID':
      return new ProblemError('REQUEST_INVALID', error.message)
    case 'JOB_UNKNOWN':
    case 'JOB_LOST':
      return new ProblemError('JOB_UNKNOWN', 'there is no such job, or it ended long ago')
    case 'QUEUE_FULL':
      return new ProblemError('QUEUE_FULL', error.message)
    case 'QUEUE_UNAVAILABLE':
      return new ProblemError('QUEUE_UNAVAILABLE', 'nothing is known of jobs at present; try again', {
        cause: error,
      })
    case 'JOB_ENDED':
    case 'JOB_CANCELLED':
    case 'JOB_PROCESS_ENDED':
    case 'JOB_STALLED':
      return error
  }
}
