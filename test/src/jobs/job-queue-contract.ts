import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Digest } from '../../../manifests/digest.ts'
import type { JobEvent, KindDepth } from '../../../src/jobs/job.ts'
import type { JobOrder } from '../../../src/jobs/job-order.ts'
import type { JobQueue, JobWorker, WorkOptions } from '../../../src/jobs/job-queue.ts'
import type { Processor, Processors } from '../../../src/jobs/processor.ts'
import type { QueueOptions } from '../../../src/jobs/queue-options.ts'

/** What the suite needs to be short, and long enough to be seen. */
export const contractOptions: Partial<QueueOptions> = {
  attempts: 3,
  backoffMs: 60,
  maxWaiting: 8,
  maxEnded: 3,
  maxEvents: 20,
  maxLineLength: 40,
  progressMs: 20,
}

/** Proves every sentence of the contract at the head of job-queue.ts. */
export function describeJobQueue(name: string, open: () => Promise<JobQueue>): void {
  describe(`${name} keeps the contract of a job queue`, () => {
    let queue: JobQueue
    let workers: JobWorker[] = []

    beforeEach(async () => {
      queue = await open()
    })
    afterEach(async () => {
      await Promise.all(workers.map(async (worker) => worker.close(0)))
      workers = []
      await queue[Symbol.asyncDispose]()
    })

    function work(processors: Processors, options: Partial<WorkOptions> = {}): JobWorker {
      const worker = queue.work(processors, { concurrency: 1, ...options })
      workers.push(worker)
      return worker
    }

    async function told(id: string, after?: string): Promise<JobEvent[]> {
      const events: JobEvent[] = []
      for await (const event of queue.events(id, { after })) events.push(event)
      return events
    }

    async function depthOfPacks(): Promise<KindDepth | undefined> {
      return (await queue.depth()).find(({ kind }) => kind === 'build-pack')
    }

    async function stateOf(id: string): Promise<string | undefined> {
      return (await queue.get(id))?.state
    }

    /** Until the job has ended. */
    async function ended(id: string): Promise<void> {
      await told(id)
    }

    test('1 an order that waits or runs is one job; one that has ended is another', async () => {
      const gate = Promise.withResolvers<void>()
      const waiting = await queue.add(pack(1))
      expect(await queue.add(pack(1))).toBe(waiting)
      expect(await queue.add(pack(2))).not.toBe(waiting)
      work({ 'build-pack': async () => gate.promise.then(() => ({})) })
      await expect.poll(async () => stateOf(waiting)).toBe('running')
      expect(await queue.add(pack(1))).toBe(waiting)
      gate.resolve()
      await ended(waiting)
      const again = await queue.add(pack(1))
      expect(again).not.toBe(waiting)
      await ended(again)
      expect((await queue.get(waiting))?.state).toBe('completed')
    })

    test('1 twenty at once are one job, and run once', async () => {
      const ids = await Promise.all(Array.from({ length: 20 }, async () => queue.add(pack(1))))
      expect(new Set(ids).size).toBe(1)
      let runs = 0
      work({ 'build-pack': async () => Promise.resolve({ runs: (runs += 1) }) })
      await ended(ids[0] ?? '')
      expect(await queue.get(ids[0] ?? '')).toMatchObject({ state: 'completed', result: { runs: 1 } })
    })

    test('2 jobs begin in the order in which they were added', async () => {
      const order: unknown[] = []
      const ids: string[] = []
      for (const i of [3, 1, 2]) ids.push(await queue.add(pack(i)))
      work({
        'build-pack': async ({ to }) => {
          order.push(to)
          return Promise.resolve({})
        },
      })
      await Promise.all(ids.map(ended))
      expect(order).toEqual([3, 1, 2].map(digest))
    })

    test('3 no more run at once than a worker was told, and so many do', async () => {
      let running = 0
      let most = 0
      const hold: Processor<'build-pack'> = async () => {
        most = Math.max(most, (running += 1))
        await sleep(30)
        running -= 1
        return {}
      }
      const ids = await Promise.all([1, 2, 3, 4, 5, 6].map(async (i) => queue.add(pack(i))))
      work({ 'build-pack': hold }, { concurrency: 3 })
      await Promise.all(ids.map(ended))
      expect(most).toBe(3)
    })

    test('4 what fails is tried again after longer and longer, and then failed', async () => {
      const at: number[] = []
      const id = await queue.add(pack(1))
      work({
        'build-pack': async () => {
          at.push(performance.now())
          return Promise.reject(
            Object.assign(new Error('no luck'), { code: 'STORE_UNAVAILABLE', hint: 'wait' }),
          )
        },
      })
      await ended(id)
      expect(at.length).toBe(3)
      const [first = 0, second = 0, third = 0] = at
      expect(second - first).toBeGreaterThanOrEqual(55)
      expect(third - second).toBeGreaterThanOrEqual(110)
      const failure = { code: 'STORE_UNAVAILABLE', message: 'no luck', hint: 'wait' }
      expect(await queue.get(id)).toMatchObject({ state: 'failed', failures: 3, failure })
      expect((await told(id)).map(summary)).toEqual(
        ['waiting', 'running', 'waiting', 'running', 'waiting', 'running', 'failed'].map((s) => `state ${s}`),
      )
    })

    test('4 what succeeds at another attempt is completed', async () => {
      let tries = 0
      const id = await queue.add(pack(1))
      work({
        'build-pack': async () => {
          if ((tries += 1) < 3) throw new Error('not yet')
          return Promise.resolve({ tries })
        },
      })
      await ended(id)
      const job = await queue.get(id)
      expect(job).toMatchObject({ state: 'completed', failures: 2, result: { tries: 3 } })
      expect(job?.failure).toBeUndefined()
    })

    test('4 what no retry can help fails at once', async () => {
      let tries = 0
      const id = await queue.add(pack(1))
      work(
        {
          'build-pack': async () => {
            tries += 1
            return Promise.reject(Object.assign(new Error('never'), { code: 'MODULE_UNKNOWN' }))
          },
        },
        { retryHelps: (error) => (error as { code?: string }).code !== 'MODULE_UNKNOWN' },
      )
      await ended(id)
      expect(tries).toBe(1)
      expect(await queue.get(id)).toMatchObject({ state: 'failed', failure: { code: 'MODULE_UNKNOWN' } })
    })

    test('5 a job that waits is removed when it is cancelled, and its watchers are told', async () => {
      const id = await queue.add(pack(1))
      const watching = told(id)
      expect(await queue.cancel(id)).toBe(true)
      expect((await watching).at(-1)).toMatchObject({ kind: 'state', state: 'cancelled' })
      let runs = 0
      work({ 'build-pack': async () => Promise.resolve({ runs: (runs += 1) }) })
      const next = await queue.add(pack(2))
      await ended(next)
      expect(runs).toBe(1)
      expect(await queue.cancel(id)).toBe(false)
    })

    test('5 a job that runs is stopped by its signal, and 6 not tried again', async () => {
      let tries = 0
      let reason: unknown
      const id = await queue.add(pack(1))
      work({
        'build-pack': async (_details, { signal }) => {
          tries += 1
          const stopped = Promise.withResolvers<never>()
          signal.addEventListener('abort', () => {
            reason = signal.reason
            stopped.reject(new Error('whatever it says then'))
          })
          return stopped.promise
        },
      })
      await expect.poll(async () => stateOf(id)).toBe('running')
      expect(await queue.cancel(id)).toBe(true)
      await ended(id)
      expect(reason).toMatchObject({ why: 'cancelled' })
      expect(await queue.get(id)).toMatchObject({ state: 'cancelled', failure: { code: 'JOB_CANCELLED' } })
      await sleep(200)
      expect(tries).toBe(1)
      expect(await queue.cancel(id)).toBe(false)
    })

    test('7 events tell what was and what comes, end with the job, and begin behind an id', async () => {
      const gate = Promise.withResolvers<void>()
      const id = await queue.add(pack(1))
      work({
        'build-pack': async (_details, { onNote, onProgress }) => {
          onNote('one')
          onProgress({ title: 'packing', done: 5, total: 10, unit: 'bytes' })
          await gate.promise
          onNote('two')
          onProgress({ title: 'packing', done: 10, total: 10, unit: 'bytes' })
          return { bytes: 7 }
        },
      })
      const events: JobEvent[] = []
      for await (const event of queue.events(id)) {
        events.push(event)
        if (event.kind === 'progress') gate.resolve()
      }
      const kept = events.filter((event) => event.kind !== 'progress')
      expect(kept.map(summary)).toEqual([
        'state waiting',
        'state running',
        'log one',
        'log two',
        'state completed',
      ])
      expect(events.find(({ kind }) => kind === 'progress')).toEqual({
        kind: 'progress',
        progress: { title: 'packing', done: 5, total: 10, unit: 'bytes' },
      })
      expect(kept.at(-1)).toMatchObject({ result: { bytes: 7 } })
      expect((await told(id)).filter(({ kind }) => kind !== 'progress')).toEqual(kept)
      expect((await told(id, kept[2]?.id)).filter(({ kind }) => kind !== 'progress')).toEqual(kept.slice(3))
      expect(await told(id, kept.at(-1)?.id)).toEqual([])
      expect((await queue.get(id))?.progress?.done).toBe(10)
    })

    test('7 a watcher that goes is let go, and one of no job is told so', async () => {
      const id = await queue.add(pack(1))
      const controller = new AbortController()
      const seen: JobEvent[] = []
      for await (const event of queue.events(id, { signal: controller.signal })) {
        seen.push(event)
        setTimeout(() => controller.abort(), 20)
      }
      expect(seen.map(summary)).toEqual(['state waiting'])
      await expect(told('build-pack-0000000000000000')).rejects.toMatchObject({ code: 'JOB_UNKNOWN' })
      await expect(told('no such kind')).rejects.toMatchObject({ code: 'JOB_UNKNOWN' })
    })

    test('8 lines are cut, and the newest of them are kept', async () => {
      const id = await queue.add(pack(1))
      work({
        'build-pack': async (_details, { onNote }) => {
          onNote('x'.repeat(100))
          for (let i = 0; i < 300; i++) onNote(`line ${i}`)
          onNote('long'.repeat(20))
          return Promise.resolve({})
        },
      })
      await expect.poll(async () => stateOf(id)).toBe('completed')
      const lines = (await told(id)).flatMap((event) => (event.kind === 'log' ? [event.text] : []))
      // Redis cuts its streams by whole nodes of a hundred.
      expect(lines.length).toBeLessThan(150)
      expect(lines.at(-1)).toBe(`${'long'.repeat(20).slice(0, 39)}…`)
      expect(lines.at(-2)).toBe('line 299')
    })

    test('9 so many that have ended are kept, and the others are unknown', async () => {
      work({ 'build-pack': async () => Promise.resolve({}) })
      const ids: string[] = []
      for (const i of [1, 2, 3, 4, 5]) {
        const id = await queue.add(pack(i))
        await ended(id)
        ids.push(id)
        await sleep(2)
      }
      await expect.poll(async () => (await queue.list({ limit: 10 })).length).toBe(3)
      expect(await queue.get(ids[0] ?? '')).toBeUndefined()
      expect(await queue.get('nonsense')).toBeUndefined()
      expect((await queue.list({ limit: 2 })).map(({ id }) => id)).toEqual([ids[4], ids[3]])
      expect(await queue.list({ limit: 10, state: 'waiting' })).toEqual([])
      expect(await queue.list({ limit: 10, kind: 'verify' })).toEqual([])
      expect((await queue.list({ limit: 10, kind: 'build-pack', state: 'completed' })).length).toBe(3)
    })

    test('10 a schedule runs once an interval, however many set it', async () => {
      const at: number[] = []
      const processors: Processors = {
        'refresh-timestamp': async () => {
          at.push(Date.now())
          return Promise.resolve({})
        },
      }
      const everyMs = 400
      const schedules = [{ order: { kind: 'refresh-timestamp', details: {} } as const, everyMs }]
      for (let i = 0; i < 3; i++) work(processors, { schedules })
      const before = Math.floor(Date.now() / everyMs)
      await expect.poll(() => at.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(3)
      expect(at.length).toBeLessThanOrEqual(Math.floor(Date.now() / everyMs) - before)
    })

    test('11 a worker that closes lets what runs end', async () => {
      const id = await queue.add(pack(1))
      const worker = work({ 'build-pack': async () => sleep(150).then(() => ({ whole: true })) })
      await expect.poll(async () => stateOf(id)).toBe('running')
      const next = await queue.add(pack(2))
      await worker.close(5000)
      expect(await queue.get(id)).toMatchObject({ state: 'completed', result: { whole: true } })
      expect(await stateOf(next)).toBe('waiting')
    })

    test('11 and hands back what does not, with all its attempts', async () => {
      const id = await queue.add(pack(1))
      const worker = work({
        'build-pack': async (_details, { signal }) => {
          await sleep(60_000, undefined, { signal })
          return {}
        },
      })
      await expect.poll(async () => stateOf(id)).toBe('running')
      await worker.close(50)
      expect(await queue.get(id)).toMatchObject({ state: 'waiting', failures: 0 })
      work({ 'build-pack': async () => Promise.resolve({ second: true }) })
      await ended(id)
      expect(await queue.get(id)).toMatchObject({ state: 'completed', failures: 0, result: { second: true } })
    })

    test('12 more than may wait are refused; what waits already is not', async () => {
      const ids: string[] = []
      for (let i = 1; i <= 8; i++) ids.push(await queue.add(pack(i)))
      await expect(queue.add(pack(9))).rejects.toMatchObject({ code: 'QUEUE_FULL' })
      expect(await queue.add(pack(8))).toBe(ids[7])
      expect(await depthOfPacks()).toMatchObject({ waiting: 8, running: 0 })
    })

    test('who asked is kept, and the depth tells how long the oldest waits', async () => {
      const id = await queue.add(pack(1), { by: 'token:abc' })
      expect(await queue.get(id)).toMatchObject({ id, order: pack(1), by: 'token:abc', state: 'waiting' })
      await sleep(30)
      const depth = await depthOfPacks()
      expect(depth).toMatchObject({ waiting: 1, running: 0 })
      expect(depth?.oldestWaitingMs).toBeGreaterThanOrEqual(25)
      const gate = Promise.withResolvers<void>()
      work({ 'build-pack': async () => gate.promise.then(() => ({})) })
      await expect.poll(depthOfPacks).toMatchObject({ waiting: 0, running: 1, oldestWaitingMs: 0 })
      gate.resolve()
      await ended(id)
    })
  })
}

export function digest(i: number): Digest {
  return `sha256:${String(i).padStart(64, '0')}`
}

export function pack(i: number): JobOrder {
  return { kind: 'build-pack', details: { to: digest(i) } }
}

function summary(event: JobEvent): string {
  if (event.kind === 'progress') return 'progress'
  return event.kind === 'log' ? `log ${event.text}` : `state ${event.state}`
}
