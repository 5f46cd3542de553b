import { JobError } from './errors.ts'

export function queueFull(): JobError {
  return new JobError('QUEUE_FULL', 'too many jobs wait already', {
    hint: 'ask again later, or start more workers',
  })
}

export function jobUnknown(id: string): JobError {
  return new JobError('JOB_UNKNOWN', `there is no job ${id}, or it ended long ago`)
}

export function jobEnded(id: string): JobError {
  return new JobError('JOB_ENDED', `the job ${id} has ended already`)
}
