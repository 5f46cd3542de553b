import { jobStates, type Job } from '../../jobs/job.ts'
import { jobJson } from '../../jobs/job-json.ts'
import { jobKinds } from '../../jobs/job-kinds.ts'
import { defineCommand } from '../command.ts'
import { formatDuration } from '../format-quantity.ts'
import { openSharedQueue } from '../open-job-queue.ts'
import { option } from '../parameters.ts'
import { parseCount } from '../parse-count.ts'
import { parseOneOf } from '../parse-one-of.ts'
import { formatTable } from '../table.ts'

/** `vend job list` */
export const jobListCommand = defineCommand({
  path: 'job list',
  summary: 'list the jobs of the queue, the newest first',
  examples: ['job list', 'job list --state running'],
  arguments: {},
  options: {
    kind: option('--kind <kind>', `only ${jobKinds.join(', ')}`, parseOneOf('a kind of jobs', jobKinds)),
    state: option('--state <state>', `only ${jobStates.join(', ')}`, parseOneOf('a state', jobStates)),
    limit: option('--limit <count>', 'how many at most (default: 50)', parseCount),
  },
  settings: ['queue'],
  exitCodes: ['store'],
  run: async (
    { kind, state, limit = 50 },
    context,
  ): Promise<{ readonly jobs: Job[]; readonly now: Date }> => {
    await using queue = await openSharedQueue(context)
    return { jobs: await queue.list({ kind, state, limit }), now: context.now() }
  },
  answer: ({ jobs, now }) => ({
    json: { jobs: jobs.map(jobJson) },
    text: () =>
      jobs.length === 0
        ? 'There are no jobs.\n'
        : formatTable(
            [
              { title: 'JOB' },
              { title: 'STATE' },
              { title: 'ADDED', align: 'right' },
              { title: 'FAILED OF' },
            ],
            jobs.map(({ id, state, addedAt, failure }) => [
              id,
              state,
              `${formatDuration(Math.max(0, now.getTime() - addedAt.getTime()))} ago`,
              failure?.code ?? '',
            ]),
          ),
  }),
})
