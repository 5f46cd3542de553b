/** What a queue does by itself. Times are in milliseconds. */
export interface QueueOptions {
  /** How often a job is tried in all. */
  readonly attempts: number
  /** Before the second attempt; it doubles with each further one. */
  readonly backoffMs: number
  /** How many jobs may wait. */
  readonly maxWaiting: number
  /** How many jobs that have ended are kept, of each way to end. */
  readonly maxEnded: number
  /** How long they are kept. */
  readonly keepEndedMs: number
  /** How many log lines and states of a job are kept. */
  readonly maxEvents: number
  /** Characters. */
  readonly maxLineLength: number
  /** Between two times that progress is told. */
  readonly progressMs: number
}

export const defaultQueueOptions: QueueOptions = {
  attempts: 4,
  backoffMs: 5000,
  maxWaiting: 10_000,
  maxEnded: 500,
  keepEndedMs: 7 * 86_400_000,
  maxEvents: 1000,
  maxLineLength: 1000,
  progressMs: 500,
}

/** How a queue on Redis sees that a worker is dead, and that something is new. Times are in milliseconds. */
export interface LockOptions {
  /** A worker that has not renewed its lock for so long counts as dead. */
  readonly lockMs: number
  readonly renewMs: number
  /** How often it is looked for dead workers: a job is taken over at most twice this after its lock ran out. */
  readonly stalledCheckMs: number
  /** So many workers may die of one job before it is given up. */
  readonly maxStalls: number
  /** How often it is looked for events of a job that somebody watches. */
  readonly watchMs: number
}

/** Six renewals fit into the life of a lock. */
export function locksFor(lockMs: number): LockOptions {
  return { lockMs, renewMs: lockMs / 6, stalledCheckMs: lockMs / 2, maxStalls: 10, watchMs: 250 }
}
