import type { JobEvent, JobProgress, JobResult } from '../jobs/job.ts'
import type { JobQueue } from '../jobs/job-queue.ts'
import { waitForJob } from '../jobs/wait-for-job.ts'
import type { CommandContext } from './command-context.ts'
import type { Progress } from './progress.ts'

/** Shows a job as if it ran here, and returns what it comes to. Throws what it failed of. */
export async function watchJob(
  queue: JobQueue,
  id: string,
  { signal, progress }: Pick<CommandContext, 'signal' | 'progress'>,
): Promise<JobResult> {
  const show = shownEvents(progress)
  return waitForJob(queue, id, {
    signal,
    onEvent: show,
    onOutage: ({ message }) => progress.note(`vend: the queue does not answer (${message}); waiting for it`),
  })
}

function shownEvents(progress: Progress): (event: JobEvent) => void {
  let title = ''
  const begin = (next: string): void => {
    if (next !== title) progress.begin(next)
    title = next
  }
  return (event) => {
    if (event.kind === 'log') progress.note(event.text)
    else if (event.kind === 'progress') {
      begin(event.progress.title)
      progress.update(progressState(event.progress))
    } else if (event.state === 'waiting') {
      if (event.failure !== undefined) {
        progress.note(`vend: ${event.failure.message} (${event.failure.code}); it is tried again`)
      }
      begin('waiting for a worker')
    } else if (event.state === 'running') begin('begun')
  }
}

function progressState({ done, total, unit, detail }: JobProgress): Parameters<Progress['update']>[0] {
  return unit === 'bytes'
    ? { bytes: done, totalBytes: total, detail }
    : { entries: done, totalEntries: total, detail }
}
