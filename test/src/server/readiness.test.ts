import { expect, test } from 'vitest'
import { startMetricsServer } from '../../../src/server/metrics-server.ts'
import { StoreUnavailableError } from '../../../storage/errors.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { Repository } from '../../../src/repository/repository.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import { sampleMetrics } from '../metrics/sample-metrics.ts'
import { PublishedRepository } from './published-repository.ts'
import { recordingLogger, Served } from './served.ts'

const secret = 'redis://user:hunter2@10.1.2.3:6379'
const lost = async (): Promise<void> => Promise.reject(new Error(`connect ECONNREFUSED ${secret}`))

class UnreachableStore extends MemoryStore {
  override async stat(key: string): Promise<never> {
    throw new StoreUnavailableError(`s3://${secret}`, key, 'does not answer', { transient: true })
  }

  override async get(key: string): Promise<never> {
    return this.stat(key)
  }
}

test('a front end whose queue is away is ready, and says so', async () => {
  const store = new MemoryStore()
  await using _repository = await PublishedRepository.create(store)
  await using served = await Served.start({ store, pingQueue: lost })
  const { status, json, body } = await served.get('/readyz')
  expect([status, json['status'], json['notReady']]).toEqual([200, 'ready', ['queue']])
  expect(String(body)).not.toContain('10.1.2.3')
})

test.each([
  ['the store', new UnreachableStore(), 'STORE_UNAVAILABLE', 'store'],
  ['the repository', new MemoryStore(), 'REPOSITORY_MISSING', 'repository'],
] as const)('without %s a front end is not ready', async (_what, store, code, part) => {
  await using served = await Served.start({ store, pingQueue: lost })
  const { status, json, body } = await served.get('/readyz')
  expect([status, json['code'], json['notReady']]).toEqual([503, code, [part, 'queue']])
  expect(String(body)).not.toMatch(/10\.1\.2\.3|hunter2/)
})

async function readiness(
  repository: { get(): Promise<Repository> },
  pingQueue?: () => Promise<void>,
  pingMs?: number,
): Promise<unknown> {
  const { logger } = recordingLogger()
  const listen = { host: '127.0.0.1', port: 0 }
  const metrics = sampleMetrics()
  await using server = await startMetricsServer({
    listen,
    metrics,
    readiness: { repository, pingQueue, pingMs },
    logger,
  })
  const response = await fetch(`${server.url}/readyz`)
  return [response.status, await response.json()]
}

test('a worker is ready when store, repository and queue answer', async () => {
  const store = new MemoryStore()
  await using _published = await PublishedRepository.create(store)
  const there = { get: async () => new Repository(store, await loadState(store)) }
  expect(await readiness(there)).toEqual([200, { status: 'ready' }])
  expect(await readiness(there, async () => undefined)).toEqual([200, { status: 'ready' }])
  expect(await readiness(there, lost)).toEqual([503, { status: 'not ready', notReady: ['queue'] }])
  const away = {
    get: async () => Promise.reject(new StoreUnavailableError('s3://x', 'k', secret, { transient: true })),
  }
  expect(await readiness(away, lost)).toEqual([503, { status: 'not ready', notReady: ['store', 'queue'] }])
  expect(await readiness({ get: async () => Promise.reject(new Error(secret)) })).toEqual([
    503,
    { status: 'not ready', notReady: ['repository'] },
  ])
})

test('a queue that does not answer in time is away', async () => {
  const mute = async (): Promise<void> => new Promise(() => undefined)
  const store = new MemoryStore()
  await using _published = await PublishedRepository.create(store)
  const there = { get: async () => new Repository(store, await loadState(store)) }
  expect(await readiness(there, mute, 20)).toEqual([503, { status: 'not ready', notReady: ['queue'] }])
})

test('the address of metrics has metrics, life and readiness, and takes nothing else', async () => {
  const { logger } = recordingLogger()
  const listen = { host: '127.0.0.1', port: 0 }
  const repository = { get: async () => Promise.reject(new Error('none')) }
  await using server = await startMetricsServer({
    listen,
    metrics: sampleMetrics(),
    readiness: { repository },
    logger,
  })
  const answers = await Promise.all(
    (
      [
        ['GET', '/metrics'],
        ['HEAD', '/metrics'],
        ['GET', '/metrics?x=1'],
        ['GET', '/healthz'],
        ['POST', '/metrics'],
        ['GET', '/tuf/metadata/timestamp.json'],
      ] as const
    ).map(async ([method, path]) => fetch(server.url + path, { method })),
  )
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 405, 404])
  expect(answers[0]?.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  expect(await answers[0]?.text()).toContain('vend_build_info{version="1.2.3"} 1')
  expect(await answers[1]?.text()).toBe('')
  await expect(
    startMetricsServer({
      listen: { host: '127.0.0.1', port: Number(new URL(server.url).port) },
      metrics: sampleMetrics(),
      readiness: { repository },
      logger,
    }),
  ).rejects.toMatchObject({ code: 'LISTEN_FAILED' })
})
