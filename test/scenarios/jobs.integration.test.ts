import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packKey } from '../../src/repository/layout.ts'
import { openLane } from '../../src/jobs/bull-lane.ts'
import type { JobOrder } from '../../src/jobs/job-order.ts'
import { locksFor } from '../../src/jobs/queue-options.ts'
import { parseQueueUrl, type RedisPlace } from '../../src/jobs/queue-url.ts'
import { waitForJob } from '../../src/jobs/wait-for-job.ts'
import { verifyRepository } from '../../src/maintenance/verify-repository.ts'
import { expiryDates } from '../../src/repository/refresh.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { readEvents, type StreamEvent } from '../src/server/jobs/read-events.ts'
import { JobsWorld, type WorkerProcess } from './jobs-world.ts'

let world: JobsWorld

beforeEach(async () => {
  world = await JobsWorld.create()
})
afterEach(async () => {
  await world[Symbol.asyncDispose]()
})

const forever = new AbortController().signal
const long = { timeout: 60_000, interval: 10 }

async function packOrder(): Promise<JobOrder> {
  return { kind: 'build-pack', details: { from: await world.manifest(1), to: await world.manifest(2) } }
}

/** Until somebody has begun the job, and is some way into it. */
async function underWay(id: string): Promise<void> {
  await expect
    .poll(async () => {
      const job = await world.queue.get(id)
      return job?.state === 'running' && job.progress !== undefined
    }, long)
    .toBe(true)
}

async function expectWhole(): Promise<void> {
  expect((await verifyRepository(world.store, { now: new Date() })).damages).toEqual([])
}

/** Neither processes nor what they made room for. */
async function expectNothingLeft(): Promise<void> {
  await expect.poll(() => readdirSync(world.scratch), { timeout: 20_000 }).toEqual([])
}

const kinds: readonly {
  readonly kind: string
  readonly args: readonly string[]
  readonly order: () => Promise<JobOrder>
  readonly isUnderWay: (id: string) => Promise<void>
  /** Throws where it did not do what it is for. */
  readonly result?: () => Promise<void>
}[] = [
  {
    kind: 'verify',
    args: [],
    order: async () => Promise.resolve({ kind: 'verify', details: {} }),
    isUnderWay: underWay,
  },
  { kind: 'build-pack', args: [], order: packOrder, isUnderWay: underWay },
  {
    kind: 'collect-garbage',
    args: [],
    order: async () => {
      await world.litter(4000)
      return { kind: 'collect-garbage', details: {} }
    },
    isUnderWay: underWay,
  },
  {
    kind: 'mirror',
    args: ['--store', 'file:./copy', '--mirror-sources', 'file:./repository'],
    order: async () => Promise.resolve({ kind: 'mirror', details: { source: 'file:./repository' } }),
    isUnderWay: underWay,
    result: async () => {
      await using copy = new FilesystemStore(join(world.directory, 'copy'))
      const { damages, releases } = await verifyRepository(copy, { now: new Date() })
      expect([damages, releases]).toEqual([[], 2])
    },
  },
  {
    kind: 'refresh-timestamp',
    args: ['--refresh', 'yes'],
    order: async () => {
      world.signSlowlyOnce()
      return Promise.resolve({ kind: 'refresh-timestamp', details: {} })
    },
    isUnderWay: async () => expect.poll(() => world.isSigning(), long).toBe(true),
  },
]

test.each(kinds)('kill -9 of a worker in the middle of $kind: another one takes it over', async (each) => {
  const order = await each.order()
  const first = await world.worker(...each.args)
  const id = await world.queue.add(order)
  await each.isUnderWay(id)
  const second = await world.worker(...each.args)
  await first.kill()
  await waitForJob(world.queue, id, { signal: forever })
  expect(await world.queue.get(id)).toMatchObject({ state: 'completed', failures: 0 })
  expect(first.said(id)).toEqual(['job begun'])
  expect(second.said(id)).toEqual([expect.stringMatching('taken from a worker'), 'job begun', 'job done'])
  await expectWhole()
  await each.result?.()
  await expectNothingLeft()
})

test('three workers that are killed one after another do not fail a job', async () => {
  const id = await world.queue.add({ kind: 'verify', details: {} })
  for (let i = 0; i < 3; i++) {
    const worker = await world.worker()
    await expect.poll(() => worker.said(id).includes('job begun'), long).toBe(true)
    await worker.kill()
  }
  await world.worker()
  await waitForJob(world.queue, id, { signal: forever })
  expect(await world.queue.get(id)).toMatchObject({ state: 'completed', failures: 0 })
})

test('a worker that is told to end hands its job to another one', async () => {
  const first = await world.worker('--grace', '1s')
  const id = await world.queue.add(await packOrder())
  await underWay(id)
  const second = await world.worker()
  expect(await first.stop()).toMatchObject({ code: 0 })
  await waitForJob(world.queue, id, { signal: forever })
  expect(await world.queue.get(id)).toMatchObject({ state: 'completed', failures: 0 })
  expect(first.said(id)).toEqual(['job begun', 'job stopped'])
  expect(second.said(id)).toEqual(['job begun', 'job done'])
  await expectNothingLeft()
})

test('a job that is cancelled ends with its process', async () => {
  const worker = await world.worker()
  const id = await world.queue.add(await packOrder())
  await underWay(id)
  expect(await world.queue.cancel(id)).toBe(true)
  await expect(waitForJob(world.queue, id, { signal: forever })).rejects.toMatchObject({
    code: 'JOB_CANCELLED',
  })
  expect(worker.said(id)).toEqual(['job begun', 'job stopped'])
  await expectNothingLeft()
})

test('kill -9 of Redis, which forgets everything: what ran begins again, schedules are back', async () => {
  const worker = await world.worker('--refresh', 'yes')
  const frontEnd = await world.frontEnd()
  const token = await world.token({ may: 'watch' })
  const jobs = async (): Promise<Response> => fetch(`${frontEnd.url}/v1/jobs`, { headers: token.headers })
  const scheduled = async (): Promise<string[]> =>
    (await world.queue.list({ kind: 'refresh-timestamp', state: 'waiting', limit: 10 })).map(({ id }) => id)
  await expect.poll(async () => (await scheduled()).length, long).toBe(1)
  const before = await scheduled()
  const order = await packOrder()
  const id = await world.queue.add(order)
  await underWay(id)
  const watching = waitForJob(world.queue, id, { signal: forever })

  await world.redis.kill()
  const refused = await jobs()
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([
    503,
    'QUEUE_UNAVAILABLE',
  ])
  expect((await fetch(`${frontEnd.url}/tuf/metadata/timestamp.json`)).status).toBe(200)
  expect((await fetch(`${frontEnd.url}/v1/releases/2`)).status).toBe(200)
  await sleep(1000)
  await world.redis.revive()

  expect(await watching).toMatchObject({ isNew: true })
  expect(worker.isAlive).toBe(true)
  expect(worker.said(id)).toEqual(['job begun', 'job stopped', 'job begun', 'job done'])
  expect(worker.said()).toEqual([
    expect.stringMatching('does not answer'),
    expect.stringMatching('queue is back'),
  ])
  expect((await jobs()).status).toBe(200)
  await expect.poll(scheduled, { timeout: 60_000, interval: 200 }).toEqual(before)
  await expectWhole()
})

test('three front ends that are asked for a pack have it built once', async () => {
  const frontEnds = await Promise.all([1, 2, 3].map(async () => world.frontEnd()))
  await Promise.all([world.worker(), world.worker()])
  const path = packKey(await world.manifest(1), await world.manifest(2))
  const ask = async (url: string): Promise<number> => {
    const response = await fetch(`${url}/${path}`)
    await response.arrayBuffer()
    return response.status
  }
  expect(await Promise.all(frontEnds.map(async ({ url }) => ask(url)))).toEqual([404, 404, 404])
  for (const { url } of frontEnds) await expect.poll(async () => ask(url), long).toBe(200)
  expect((await world.queue.list({ kind: 'build-pack', limit: 10 })).length).toBe(1)
})

test('the events of a job come through any front end, and go on at another one', async () => {
  const [first, second] = [await world.frontEnd(), await world.frontEnd()]
  const token = await world.token({ may: 'watch' }, { may: 'operate' })
  const added = await fetch(`${first.url}/v1/jobs`, {
    method: 'POST',
    headers: { ...token.headers, 'Content-Type': 'application/json' },
    body: JSON.stringify({ kind: 'verify' }),
  })
  expect(added.status).toBe(202)
  const { id } = (await added.json()) as { id: string }
  const stream = async (url: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${url}/v1/jobs/${id}/events`, { headers: { ...token.headers, ...headers } })
  const [here, there] = await Promise.all([stream(first.url), stream(second.url)])
  await world.worker()
  const [seenHere, seenThere] = await Promise.all(
    [here, there].map(async (response) => Array.fromAsync(readEvents(response))),
  )
  const kept = (events: readonly StreamEvent[] = []): StreamEvent[] =>
    events.filter(({ name }) => name === 'state')
  expect(kept(seenHere).map(({ data }) => (data as { state?: string }).state)).toEqual([
    'waiting',
    'running',
    'completed',
  ])
  expect(kept(seenThere)).toEqual(kept(seenHere))
  expect(seenThere?.some(({ name }) => name === 'progress')).toBe(true)
  const [waiting] = kept(seenHere)
  const rest = await Array.fromAsync(
    readEvents(await stream(second.url, { 'Last-Event-ID': waiting?.id ?? '' })),
  )
  expect(kept(rest)).toEqual(kept(seenHere).slice(1))
})

test('a lock is renewed in time while a pack of two large files is built', async () => {
  const [worker, watcher] = await Promise.all([world.worker(), world.worker()])
  const place = parseQueueUrl(world.queueUrl) as RedisPlace
  const lane = openLane('work', place, {
    locks: locksFor(place.lockMs),
    isPatient: false,
    onError: () => undefined,
  })
  const id = await world.queue.add(await packOrder())
  await underWay(id)
  const left: number[] = []
  while ((await world.queue.get(id))?.state === 'running') {
    left.push(await lane.client.pttl(`${lane.toKey(id)}:lock`))
    await sleep(10)
  }
  await lane.close(true)
  expect(await world.queue.get(id)).toMatchObject({ state: 'completed', failures: 0 })
  expect(left.length).toBeGreaterThan(5)
  // The last look may have been after its end.
  const lowest = Math.min(...left.slice(0, -1))
  expect(lowest).toBeGreaterThan(0)
  const said = [worker, watcher].flatMap((each: WorkerProcess) => each.said(id))
  expect(said).toEqual(['job begun', 'job done'])
})

test('refreshed metadata are those that machines see', async () => {
  await world.worker('--refresh', 'yes')
  const before = expiryDates((await world.repository()).state)
  const id = await world.queue.add({ kind: 'refresh-timestamp', details: {} })
  expect(await waitForJob(world.queue, id, { signal: forever })).toMatchObject({ isNew: true })
  const after = expiryDates((await world.repository()).state)
  expect(after.timestamp.getTime()).toBeGreaterThan(before.timestamp.getTime())
})
