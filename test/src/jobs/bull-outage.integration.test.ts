import { inspect } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BullQueue } from '../../../src/jobs/bull-queue.ts'
import type { WorkerEvent } from '../../../src/jobs/job-queue.ts'
import { parseQueueUrl, type RedisPlace } from '../../../src/jobs/queue-url.ts'
import { haveDone, waitForJob } from '../../../src/jobs/wait-for-job.ts'
import { MortalRedis } from '../../support/redis.ts'
import { pack } from './job-queue-contract.ts'

let redis: MortalRedis

beforeEach(async () => {
  redis = await MortalRedis.start()
})
afterEach(async () => {
  await redis[Symbol.asyncDispose]()
})

function open(query = '', host = '127.0.0.1'): BullQueue {
  return new BullQueue(parseQueueUrl(`redis://${host}:${redis.port}/0${query}`) as RedisPlace)
}

const { signal } = new AbortController()

test('without Redis every call says so soon, and works when it is there', async () => {
  await using queue = open()
  await redis.kill()
  const unavailable = { code: 'QUEUE_UNAVAILABLE' }
  await expect(queue.add(pack(1))).rejects.toMatchObject(unavailable)
  await expect(queue.get('build-pack-1')).rejects.toMatchObject(unavailable)
  await expect(queue.list({ limit: 1 })).rejects.toMatchObject(unavailable)
  await expect(queue.cancel('build-pack-1')).rejects.toMatchObject(unavailable)
  await expect(queue.depth()).rejects.toMatchObject(unavailable)
  await expect(queue.events('build-pack-1')[Symbol.asyncIterator]().next()).rejects.toMatchObject(unavailable)
  await redis.revive()
  await expect
    .poll(async () =>
      queue.add(pack(1)).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true)
})

test('a worker and a queue that are closed without Redis end', async () => {
  const queue = open()
  const worker = queue.work({}, { concurrency: 1 })
  await queue.depth()
  await redis.kill()
  await worker.close(10)
  await queue[Symbol.asyncDispose]()
})

test('a worker that begins before Redis works when it is there', async () => {
  await redis.kill()
  await using queue = open()
  const events: WorkerEvent['kind'][] = []
  queue.work(
    { 'build-pack': async () => Promise.resolve({ done: true }) },
    { concurrency: 1, onEvent: ({ kind }) => events.push(kind) },
  )
  await expect.poll(() => events).toEqual(['queue-lost'])
  const done = haveDone(queue, pack(1), { signal })
  await redis.revive()
  expect(await done).toEqual({ done: true })
  expect(events).toEqual(['queue-lost', 'queue-back', 'started', 'ended'])
})

test('what waits when Redis is lost is asked for again by who has it done, and unknown to who only waits', async () => {
  await using queue = open()
  const id = await queue.add(pack(1))
  const waited = waitForJob(queue, id, { signal, missingMs: 500 })
  const done = haveDone(queue, pack(1), { signal })
  await redis.kill()
  await redis.revive()
  await expect(waited).rejects.toMatchObject({
    code: expect.stringMatching(/^JOB_(?:LOST|UNKNOWN)$/) as string,
  })
  queue.work({ 'build-pack': async () => Promise.resolve({ done: true }) }, { concurrency: 1 })
  expect(await done).toEqual({ done: true })
})

test('no error has the password in it', async () => {
  await redis[Symbol.asyncDispose]()
  redis = await MortalRedis.start('--requirepass', 'another')
  await using queue = open('', 'user:s3cretword@127.0.0.1')
  const events: WorkerEvent[] = []
  queue.work(
    { 'build-pack': async () => Promise.resolve({}) },
    { concurrency: 1, onEvent: (e) => events.push(e) },
  )
  const error: unknown = await queue.add(pack(1)).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'QUEUE_UNAVAILABLE' })
  expect(inspect([error, events, queue.name], { depth: 20, showHidden: true })).not.toContain('s3cretword')
})
