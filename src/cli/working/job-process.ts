import { rmSync } from 'node:fs'
import { openStore } from '../../../storage/open-store.ts'
import { defaultQueueOptions } from '../../jobs/queue-options.ts'
import { failureOf, runOrder } from '../../jobs/run-order.ts'
import { JobStopped } from '../../jobs/errors.ts'
import { traceRun } from '../trace-run.ts'
import { jobProcessors } from './job-processors.ts'
import type { StopOrder, WorkMessage, WorkOrder } from './messages.ts'

// A process that does one job of a worker (run-apart.ts), which ends it.

const stopping = new AbortController()

// What is sent to all processes of a terminal or a service is for the worker to act on.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => undefined)
process.once('disconnect', endAlone)
process.once('message', (order: WorkOrder) => {
  process.on('message', (_stop: StopOrder) => stopping.abort(new JobStopped('cancelled')))
  void follow(order)
})

async function follow(order: WorkOrder): Promise<void> {
  say(await outcomeOf(order))
}

async function outcomeOf(work: WorkOrder): Promise<WorkMessage> {
  try {
    await using tracing = await traceRun('vend', 'job', process.env)
    await using opened = new AsyncDisposableStack()
    const store = await tracing.store(opened.use(openStore(work.storeUrl, { env: process.env })))
    const { order } = work
    const processors = await jobProcessors(order.kind, work, { store, opened })
    const result = await tracing.run(async () =>
      runOrder(processors, order, {
        signal: stopping.signal,
        options: { ...defaultQueueOptions, progressMs: 100 },
        sink: {
          progress: (progress) => say({ kind: 'progress', progress }),
          line: (text) => say({ kind: 'note', text }),
        },
      }),
    )
    return { kind: 'done', result }
  } catch (error) {
    return { kind: 'failed', failure: failureOf(error) }
  }
}

function say(message: WorkMessage): void {
  // A worker that has died is noticed by `endAlone`, and by nothing before it.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

/** The worker is dead, and another one does the job: nobody else removes what it had made room for. */
function endAlone(): void {
  const scratch = process.env['VEND_JOB_SCRATCH']
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true, maxRetries: 3 })
  process.exit(1)
}
