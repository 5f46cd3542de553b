import type { Lane } from './bull-lane.ts'

// Keys of ours beside Bull's own, under the same prefix.

/** Of the events of a job: a Redis stream. */
export function eventsKey(lane: Lane, id: string): string {
  return `${lane.toKey(id)}:events`
}

/** There where a job is to stop. */
export function cancelKey(lane: Lane, id: string): string {
  return `${lane.toKey(id)}:cancel`
}

/** Names the job that an order waits or runs as; Bull writes and removes it with the job. */
export function contentKey(lane: Lane, content: string): string {
  return lane.toKey(`de:${content}`)
}
