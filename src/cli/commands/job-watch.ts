import type { JobResult } from '../../jobs/job.ts'
import { defineCommand } from '../command.ts'
import { resultPairs } from '../describe-job.ts'
import { openSharedQueue } from '../open-job-queue.ts'
import { argument } from '../parameters.ts'
import { formatPairs } from '../table.ts'
import { watchJob } from '../watch-job.ts'

/** `vend job watch` */
export const jobWatchCommand = defineCommand({
  path: 'job watch',
  summary: 'show how far a job is until it ends',
  description:
    'Shows the log and the progress of a job as if it ran here, from its beginning, and ends with it: as the command would ' +
    'have ended. The job goes on when this is interrupted.',
  examples: ['job watch verify-0123456789abcdef'],
  arguments: { id: argument('job', 'the id of a job', String) },
  options: {},
  settings: ['queue'],
  exitCodes: ['conflict', 'unknown', 'trust', 'store', 'damage'],
  run: async ({ id }, context): Promise<{ readonly id: string; readonly result: JobResult }> => {
    await using queue = await openSharedQueue(context)
    return { id, result: await watchJob(queue, id, context) }
  },
  answer: ({ id, result }) => ({
    json: { job: id, result },
    text: () => formatPairs([['job', id], ...resultPairs(result)]),
  }),
})
