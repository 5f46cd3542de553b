import { hasEnded } from '../../jobs/job.ts'
import { jobEnded, jobUnknown } from '../../jobs/queue-refusals.ts'
import { defineCommand } from '../command.ts'
import { openSharedQueue } from '../open-job-queue.ts'
import { argument } from '../parameters.ts'

/** `vend job cancel` */
export const jobCancelCommand = defineCommand({
  path: 'job cancel',
  summary: 'cancel a job that waits or runs',
  description:
    'Removes a job that waits, and has one that runs stopped by its worker within about a second. What it has stored stays.',
  examples: ['job cancel verify-0123456789abcdef'],
  arguments: { id: argument('job', 'the id of a job', String) },
  options: {},
  settings: ['queue'],
  exitCodes: ['conflict', 'unknown', 'store'],
  run: async ({ id }, context): Promise<string> => {
    await using queue = await openSharedQueue(context)
    const job = await queue.get(id)
    if (job === undefined) throw jobUnknown(id)
    if (hasEnded(job.state) || !(await queue.cancel(id))) throw jobEnded(id)
    return id
  },
  answer: (id) => ({ json: { job: id, cancelled: true }, text: () => `The job ${id} is cancelled.\n` }),
})
