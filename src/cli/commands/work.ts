import { availableParallelism } from 'node:os'
import type { Logger } from 'pino'
import type { JobQueue, JobWorker, Schedule } from '../../jobs/job-queue.ts'
import type { CommandContext } from '../command-context.ts'
import { defineCommand } from '../command.ts'
import type { OpenedMetrics } from '../open-metrics.ts'
import { option } from '../parameters.ts'
import { parseCount } from '../parse-count.ts'
import { parseDuration } from '../parse-duration.ts'
import { untilAborted } from '../until-aborted.ts'
import { UsageError } from '../usage-error.ts'

/** Between two looks whether snapshot and timestamp are to be signed anew. */
const refreshEveryMs = 3_600_000
const defaultGraceSeconds = 30

/** `vend work` */
export const workCommand = defineCommand({
  path: 'work',
  summary: 'do the jobs that wait in a queue on Redis',
  description:
    'Takes jobs (packs, verification, and whatever else is asked for) until SIGTERM or SIGINT; then it takes no more, lets ' +
    'those that run end, and hands back what does not end in time. Each job runs in a process of its own at a lower ' +
    'priority. Any number of workers may share a queue and a store; what one that is killed had in hand, another takes over. ' +
    'With --refresh yes it also signs snapshot and timestamp anew in time: give it a key directory with these two keys alone. ' +
    'Its log, one JSON object a line, goes to stderr.',
  examples: ['work --queue redis://queue.example:6379/0', 'work --concurrency 4'],
  arguments: {},
  options: {
    concurrency: option('--concurrency <count>', 'how many jobs run at once (default: 1)', parseCount),
    grace: option('--grace <time>', 'how long jobs may go on after SIGTERM (default: 30s)', parseDuration),
  },
  settings: ['store', 'keys', 'queue', 'refresh', 'mirrorSources', 'metrics', 'logLevel'],
  exitCodes: ['trust', 'store'],
  isRaw: true,
  run: async ({ concurrency = 1, grace = defaultGraceSeconds }, context): Promise<void> => {
    const { settings, signal, progress } = context
    if (settings.queue.kind === 'inline') {
      throw new UsageError(
        ['the jobs of an inline queue are done where they are asked for'],
        'name the queue that is shared with --queue or VEND_QUEUE, such as redis://127.0.0.1:6379/0',
      )
    }
    const { pino } = await import('pino')
    const { openQueue } = await import('../../jobs/open-queue.ts')
    const { openMetrics } = await import('../open-metrics.ts')
    const log = pino.destination({ dest: 2, sync: false })
    const logger = pino({ level: settings.logLevel }, log)
    await using measured = await openMetrics(context)
    await using queue = await openQueue(settings.queue)
    const worker = await startWork(context, { queue, concurrency, logger, measured })
    try {
      await measured?.serve({
        logger,
        readQueue: async () => queue.depth(),
        pingQueue: async () => void (await queue.depth()),
      })
      progress.note(`vend: working on ${settings.store.name} for ${queue.name}, ${concurrency} at once`)
      await untilAborted(signal)
    } finally {
      await worker.close(grace * 1000)
      log.flushSync()
    }
  },
  answer: () => undefined,
})

interface Work {
  readonly queue: JobQueue
  readonly concurrency: number
  readonly logger: Logger
  readonly measured: OpenedMetrics | undefined
}

async function startWork(
  context: CommandContext,
  { queue, concurrency, logger, measured }: Work,
): Promise<JobWorker> {
  const { workerProcessors } = await import('../working/worker-processors.ts')
  const { logJobs } = await import('../job-log.ts')
  const { retryHelps } = await import('../retry-helps.ts')
  const threads = Math.max(1, Math.floor(availableParallelism() / concurrency))
  const tell = logJobs(logger)
  const schedules: Schedule[] = context.settings.refresh
    ? [{ order: { kind: 'refresh-timestamp', details: {} }, everyMs: refreshEveryMs }]
    : []
  const { measuredProcessors } = await import('../measured-processors.ts')
  const processors = await workerProcessors(context, { threads })
  return queue.work(measured ? measuredProcessors(processors, measured.metrics, context.now) : processors, {
    concurrency,
    retryHelps,
    schedules,
    onEvent: (event) => {
      tell(event)
      if (!('job' in event) || event.kind === 'started') return
      const outcome = event.kind === 'stopped' ? event.why : event.kind === 'ended' ? 'completed' : 'failed'
      const ms = 'ms' in event ? event.ms : 0
      measured?.metrics.onJobFinished({ kind: event.job, outcome, ms })
    },
  })
}
