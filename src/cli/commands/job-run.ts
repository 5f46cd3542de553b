import type { JobResult } from '../../jobs/job.ts'
import { jobKinds, type JobKind } from '../../jobs/job-kinds.ts'
import { readOrder, type JobOrder } from '../../jobs/job-order.ts'
import type { JobQueue } from '../../jobs/job-queue.ts'
import type { CommandContext } from '../command-context.ts'
import { defineCommand } from '../command.ts'
import { resultPairs } from '../describe-job.ts'
import { argument, flag, option, optionalArgument, repeatableOption } from '../parameters.ts'
import { parseOneOf } from '../parse-one-of.ts'
import { parseOrigin, type OriginName } from '../parse-origin.ts'
import { parseReleaseName, readModuleName, type ReleaseName } from '../release-name.ts'
import { formatPairs } from '../table.ts'
import { UsageError } from '../usage-error.ts'
import { watchJob } from '../watch-job.ts'

interface RunJob {
  readonly id: string
  /** Absent where nobody waited for it. */
  readonly result?: JobResult
}

interface Asked {
  readonly kind: JobKind
  readonly from: OriginName | undefined
  readonly to: ReleaseName | undefined
  readonly modules: readonly string[]
  readonly details: unknown
}

/** `vend job run` */
export const jobRunCommand = defineCommand({
  path: 'job run',
  summary: 'have a job done by the workers, and show it until it ends',
  description:
    'Adds a job to the queue, unless one that does the same waits or runs already, and shows it as job watch does. With ' +
    '--detach it only prints the id. build-pack takes two releases, as pack does, and is one job for each module. Without a ' +
    'shared queue the job is done here.',
  examples: [
    'job run verify',
    'job run build-pack 10 12 --module base',
    'job run verify --detach',
    'job run mirror --details \'{"source":"https://releases.example/os"}\'',
  ],
  arguments: {
    kind: argument('kind', `what to do: ${jobKinds.join(', ')}`, parseOneOf('a kind of jobs', jobKinds)),
    from: optionalArgument('from', 'build-pack: a version or channel, or none: a first install', parseOrigin),
    to: optionalArgument('to', 'build-pack: a version or channel', parseReleaseName),
  },
  options: {
    modules: repeatableOption(
      '--module <name>',
      'build-pack: only this module; may be repeated',
      readModuleName,
    ),
    details: option(
      '--details <json>',
      'what the kind needs besides, as openapi.yaml has it: {"dryRun":true}',
      parseDetails,
    ),
    isDetached: flag('--detach', 'do not wait for its end'),
  },
  settings: ['store', 'keys', 'queue', 'mirrorSources'],
  exitCodes: ['missing', 'conflict', 'unknown', 'trust', 'store', 'damage'],
  afterInterruption: 'the job goes on where workers do it; vend job list shows it',
  check: ({ kind, from, to, modules }) => {
    const isPack = kind === 'build-pack'
    if (isPack && (from === undefined || to === undefined)) return ['build-pack needs two releases']
    return isPack || (from === undefined && modules.length === 0)
      ? []
      : [`${kind} takes no releases and modules`]
  },
  run: async (input, context): Promise<readonly RunJob[]> => {
    const { openQueue } = await import('../../jobs/open-queue.ts')
    const { queue: place } = context.settings
    if (input.isDetached && place.kind === 'inline') {
      throw new UsageError(['--detach needs a queue that is shared'], 'name it with --queue or VEND_QUEUE')
    }
    await using queue = await openQueue(place)
    if (place.kind === 'inline') await workHere(queue, context)
    const ids: string[] = []
    for (const order of await ordersOf(input, context)) ids.push(await queue.add(order))
    if (input.isDetached) return ids.map((id) => ({ id }))
    const done: RunJob[] = []
    for (const id of ids) done.push({ id, result: await watchJob(queue, id, context) })
    return done
  },
  answer: (jobs) => ({
    json: { jobs: jobs.map(({ id, result }) => ({ job: id, ...(result !== undefined && { result }) })) },
    text: () =>
      jobs.length === 0
        ? 'There is nothing to do.\n'
        : jobs.map(({ id, result = {} }) => formatPairs([['job', id], ...resultPairs(result)])).join(''),
  }),
  exitCode: (jobs) => (jobs.some(({ result }) => Number(result?.['damageCount'] ?? 0) > 0) ? 'damage' : 'ok'),
})

async function ordersOf(
  { kind, from, to, modules, details }: Asked,
  context: CommandContext,
): Promise<JobOrder[]> {
  if (kind !== 'build-pack' || from === undefined || to === undefined) return [readOrder(kind, details ?? {})]
  const { askedSteps } = await import('../pack-steps.ts')
  const { steps } = await askedSteps({ from, to, modules }, context)
  return steps.map((step) => ({
    kind,
    details: { to: step.to.digest, ...(step.from !== undefined && { from: step.from.digest }) },
  }))
}

function parseDetails(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new Error('is not JSON')
  }
}

async function workHere(queue: JobQueue, context: CommandContext): Promise<void> {
  const { workerProcessors } = await import('../working/worker-processors.ts')
  const { retryHelps } = await import('../retry-helps.ts')
  const { availableParallelism } = await import('node:os')
  const settings = { ...context.settings, refresh: true }
  const processors = await workerProcessors({ ...context, settings }, { threads: availableParallelism() })
  queue.work(processors, { concurrency: 1, retryHelps })
}
