import { InlineQueue } from './inline-queue.ts'
import type { JobQueue } from './job-queue.ts'
import type { QueuePlace } from './queue-url.ts'

/** The queue at a place, ready for calls: Redis is asked for nothing before the first of them. */
export async function openQueue(place: QueuePlace): Promise<JobQueue> {
  if (place.kind === 'inline') return new InlineQueue()
  const { BullQueue } = await import('./bull-queue.ts')
  return new BullQueue(place)
}
