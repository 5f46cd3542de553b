import type { JobQueue } from '../jobs/job-queue.ts'
import type { CommandContext } from './command-context.ts'
import { UsageError } from './usage-error.ts'

/** The queue that other processes see. Throws USAGE_INVALID where there is none. */
export async function openSharedQueue({ settings }: CommandContext): Promise<JobQueue> {
  if (settings.queue.kind === 'inline') {
    throw new UsageError(
      ['the jobs of an inline queue are known to their process alone'],
      'name the queue that is shared with --queue or VEND_QUEUE, such as redis://127.0.0.1:6379/0',
    )
  }
  const { openQueue } = await import('../jobs/open-queue.ts')
  return openQueue(settings.queue)
}
