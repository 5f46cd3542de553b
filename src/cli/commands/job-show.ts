import type { Job } from '../../jobs/job.ts'
import { jobJson } from '../../jobs/job-json.ts'
import { jobUnknown } from '../../jobs/queue-refusals.ts'
import { defineCommand } from '../command.ts'
import { describeJob } from '../describe-job.ts'
import { openSharedQueue } from '../open-job-queue.ts'
import { argument } from '../parameters.ts'

/** `vend job show` */
export const jobShowCommand = defineCommand({
  path: 'job show',
  summary: 'show what a job is to do and what became of it',
  examples: ['job show verify-0123456789abcdef'],
  arguments: { id: argument('job', 'the id of a job', String) },
  options: {},
  settings: ['queue'],
  exitCodes: ['unknown', 'store'],
  run: async ({ id }, context): Promise<{ readonly job: Job; readonly now: Date }> => {
    await using queue = await openSharedQueue(context)
    const job = await queue.get(id)
    if (job === undefined) throw jobUnknown(id)
    return { job, now: context.now() }
  },
  answer: ({ job, now }) => ({ json: jobJson(job), text: () => describeJob(job, now) }),
})
