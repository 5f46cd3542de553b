import type { Logger } from 'pino'
import type { BuildPack } from '../delivery/pack-requests.ts'
import { buildPackByQueue } from '../jobs/build-pack-by-queue.ts'
import type { JobQueue, JobWorker } from '../jobs/job-queue.ts'
import { openQueue } from '../jobs/open-queue.ts'
import type { MakePlane } from '../server/plane.ts'
import { jobsPlane } from '../server/jobs/jobs-plane.ts'
import type { CommandContext } from './command-context.ts'
import { logJobs } from './job-log.ts'
import { retryHelps } from './retry-helps.ts'
import { workerProcessors } from './working/worker-processors.ts'

/** What a server has of jobs. */
export interface ServedJobs extends AsyncDisposable {
  readonly plane: MakePlane
  /** What there is of a queue that is shared with workers. */
  readonly shared:
    | {
        readonly build: BuildPack
        /** How many packs may be waited for at once; workers have bounds of their own. */
        readonly packsAtOnce: number
        readonly readQueue: JobQueue['depth']
        readonly ping: () => Promise<void>
      }
    | undefined
}

const packsAtOnce = 64

/** With a queue on Redis workers do the work; else this process does, one job after another. */
export async function serveJobs(context: CommandContext, logger: Logger): Promise<ServedJobs> {
  const { settings, signal } = context
  const queue = await openQueue(settings.queue)
  const isShared = settings.queue.kind === 'redis'
  const worker = isShared ? undefined : await workHere(queue, context, logger)
  return {
    plane: jobsPlane({ queue, signal }),
    shared: isShared
      ? {
          build: buildPackByQueue(queue),
          packsAtOnce,
          readQueue: async () => queue.depth(),
          ping: async () => {
            await queue.depth()
          },
        }
      : undefined,
    [Symbol.asyncDispose]: async () => {
      await worker?.close(0)
      await queue[Symbol.asyncDispose]()
    },
  }
}

/** The server refreshes by itself where it is to. */
async function workHere(queue: JobQueue, context: CommandContext, logger: Logger): Promise<JobWorker> {
  const settings = { ...context.settings, refresh: false }
  const processors = await workerProcessors({ ...context, settings }, { threads: 1 })
  return queue.work(processors, { concurrency: 1, retryHelps, onEvent: logJobs(logger) })
}
