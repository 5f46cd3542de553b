import type { Logger } from 'pino'
import type { WorkerEvent } from '../jobs/job-queue.ts'

/** What a worker says of itself, as lines of its log. */
export function logJobs(logger: Logger): (event: WorkerEvent) => void {
  return ({ kind, ...event }) => {
    const line = 'ms' in event ? { ...event, ms: Math.round(event.ms) } : event
    if ('error' in line) {
      const { error, ...rest } = line
      logger.warn({ ...rest, err: error }, sayings[kind])
    } else if (kind === 'queue-lost' || kind === 'stalled') logger.warn(line, sayings[kind])
    else logger.info(line, sayings[kind])
  }
}

const sayings: Readonly<Record<WorkerEvent['kind'], string>> = {
  started: 'job begun',
  ended: 'job done',
  failed: 'job failed',
  stopped: 'job stopped',
  stalled: 'job taken from a worker that is dead, or cut off',
  'queue-lost': 'the queue does not answer; what runs goes on',
  'queue-back': 'the queue is back',
}
