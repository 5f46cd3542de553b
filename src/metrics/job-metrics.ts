import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** A job's end, as the worker that ran it saw it. */
export interface FinishedJob {
  /** One of a few. */
  readonly kind: string
  readonly outcome: string
  readonly ms: number
}

/** How many jobs of a kind there are in the whole queue. */
export interface JobsOfKind {
  readonly kind: string
  readonly waiting: number
  readonly running: number
  /** For how long the first of those that wait has done so, in milliseconds; 0 when none does. */
  readonly oldestWaitingMs: number
}

export interface JobMetrics {
  readonly finished: (job: FinishedJob) => void
  /** Undefined when the queue cannot be read. */
  readonly queue: (jobs: readonly JobsOfKind[] | undefined) => void
}

export function jobMetrics(registry: Registry): JobMetrics {
  const registers = [registry]
  const finished = new Counter({
    name: 'vend_jobs_finished_total',
    help: 'Jobs that ended in this process, by kind and outcome.',
    labelNames: ['kind', 'outcome'],
    registers,
  })
  const seconds = new Histogram({
    name: 'vend_job_duration_seconds',
    help: 'How long jobs ran in this process, by kind.',
    labelNames: ['kind'],
    buckets: [0.1, 1, 5, 15, 60, 300, 900, 3600, 14_400],
    registers,
  })
  const readable = new Gauge({
    name: 'vend_queue_readable',
    help: 'Whether the queue could be read just now: 1 or 0.',
    registers,
  })
  const waiting = new Gauge({
    name: 'vend_jobs_waiting',
    help: 'Jobs of the whole queue that wait for a worker, by kind.',
    labelNames: ['kind'],
    registers,
  })
  const running = new Gauge({
    name: 'vend_jobs_running',
    help: 'Jobs of the whole queue that a worker runs, by kind.',
    labelNames: ['kind'],
    registers,
  })
  const age = new Gauge({
    name: 'vend_jobs_oldest_waiting_seconds',
    help: 'For how long the first of the waiting jobs of a kind waits; 0 when none does.',
    labelNames: ['kind'],
    registers,
  })
  return {
    finished: ({ kind, outcome, ms }) => {
      finished.inc({ kind, outcome })
      seconds.observe({ kind }, ms / 1000)
    },
    queue: (jobs) => {
      readable.set(jobs === undefined ? 0 : 1)
      for (const gauge of [waiting, running, age]) gauge.reset()
      for (const { kind, oldestWaitingMs, ...counts } of jobs ?? []) {
        waiting.set({ kind }, counts.waiting)
        running.set({ kind }, counts.running)
        age.set({ kind }, oldestWaitingMs / 1000)
      }
    },
  }
}
