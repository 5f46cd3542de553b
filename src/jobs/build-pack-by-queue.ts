import type { BuildPack } from '../delivery/pack-requests.ts'
import type { JobQueue } from './job-queue.ts'
import { haveDone } from './wait-for-job.ts'

/** Has packs built by workers: however many servers ask for one, it is one job. One that gives up leaves the job. */
export function buildPackByQueue(queue: JobQueue): BuildPack {
  return async (from, to, signal) => {
    const details = { to: to.digest, ...(from !== undefined && { from: from.digest }) }
    const { bytes, isNew } = await haveDone(queue, { kind: 'build-pack', details }, { signal })
    return { bytes: Number(bytes), isNew: isNew === true }
  }
}
