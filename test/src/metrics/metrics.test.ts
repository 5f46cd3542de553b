import { expect, test } from 'vitest'
import { loadState } from '../../../src/repository/repository-state.ts'
import { roleNames } from '../../../src/trust/role.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { PublishedRepository } from '../server/published-repository.ts'
import { parseSeries, sampleMetrics, valueOf } from './sample-metrics.ts'

test('roles say when they were signed and when they expire', async () => {
  const store = new MemoryStore()
  await using repository = await PublishedRepository.create(store)
  const metrics = sampleMetrics({ readState: async () => loadState(store) })
  const name = 'vend_metadata_expires_timestamp_seconds'
  expect(await valueOf(metrics, 'vend_repository_readable')).toBe(1)
  expect(await valueOf(metrics, 'vend_releases')).toBe(0)
  const before = await valueOf(metrics, 'vend_metadata_version', { role: 'timestamp' })
  await repository.publish(1, { base: [['file', 'content']] })
  expect(await valueOf(metrics, 'vend_releases')).toBe(1)
  expect(await valueOf(metrics, 'vend_metadata_version', { role: 'timestamp' })).toBe((before ?? 0) + 1)
  const state = await loadState(store)
  for (const role of roleNames) {
    const expires = Date.parse(state[role].metadata.signed.expires) / 1000
    expect(await valueOf(metrics, name, { role })).toBe(expires)
  }
  const [signed = 0, expires = 0] = await Promise.all([
    valueOf(metrics, 'vend_metadata_signed_timestamp_seconds', { role: 'timestamp' }),
    valueOf(metrics, name, { role: 'timestamp' }),
  ])
  expect(expires - signed).toBe(7 * 24 * 3600)
})

test('what is not known any more is not told', async () => {
  const store = new MemoryStore()
  await using _repository = await PublishedRepository.create(store)
  let isThere = true
  const metrics = sampleMetrics({
    readState: async () => (isThere ? loadState(store) : Promise.reject(new Error('gone'))),
  })
  const known = async (): Promise<number> =>
    parseSeries(await metrics.read()).filter(({ name }) => /^vend_(metadata|releases)/.test(name)).length
  expect(await known()).toBe(3 * roleNames.length + 1)
  isThere = false
  expect(await known()).toBe(0)
  expect(await valueOf(metrics, 'vend_repository_readable')).toBe(0)
})

test('a look that hangs holds nobody up for ever', async () => {
  const metrics = sampleMetrics({ readState: async () => new Promise(() => undefined), lookMs: 20 })
  expect(await valueOf(metrics, 'vend_build_info')).toBe(1)
})

test('builds of packs', async () => {
  const metrics = sampleMetrics()
  const value = async (outcome: string): Promise<number | undefined> =>
    valueOf(metrics, 'vend_pack_builds_total', { outcome })
  expect(await Promise.all(['built', 'there', 'failed', 'aborted'].map(value))).toEqual([0, 0, 0, 0])
  metrics.onPackBuild({ kind: 'started', key: 'a', waiting: 0 })
  expect(await valueOf(metrics, 'vend_pack_builds_running')).toBe(1)
  metrics.onPackBuild({ kind: 'built', key: 'a', ms: 1500, bytes: 1000 })
  metrics.onPackBuild({ kind: 'started', key: 'b', waiting: 0 })
  metrics.onPackBuild({ kind: 'failed', key: 'b', ms: 10, error: new Error('no') })
  expect(await valueOf(metrics, 'vend_pack_builds_running')).toBe(0)
  expect(await Promise.all(['built', 'failed'].map(value))).toEqual([1, 1])
  expect(await valueOf(metrics, 'vend_pack_built_bytes_total')).toBe(1000)
  const sum = await valueOf(metrics, 'vend_pack_build_duration_seconds_sum', { outcome: 'built' })
  expect(sum).toBe(1.5)
})

test('the queue is what it is now', async () => {
  let jobs = [{ kind: 'verify', waiting: 2, running: 1, oldestWaitingMs: 60_000 }]
  let isThere = true
  const metrics = sampleMetrics({
    readQueue: async () => (isThere ? jobs : Promise.reject(new Error('redis is away'))),
  })
  const kind = 'verify'
  expect(await valueOf(metrics, 'vend_jobs_waiting', { kind })).toBe(2)
  expect(await valueOf(metrics, 'vend_jobs_running', { kind })).toBe(1)
  expect(await valueOf(metrics, 'vend_jobs_oldest_waiting_seconds', { kind })).toBe(60)
  jobs = [{ kind: 'verify', waiting: 0, running: 0, oldestWaitingMs: 0 }]
  expect(await valueOf(metrics, 'vend_jobs_oldest_waiting_seconds', { kind })).toBe(0)
  expect(await valueOf(metrics, 'vend_queue_readable')).toBe(1)
  isThere = false
  expect(await valueOf(metrics, 'vend_queue_readable')).toBe(0)
  expect(await valueOf(metrics, 'vend_jobs_waiting', { kind })).toBeUndefined()
})

test('jobs, publishes and maintenance', async () => {
  const none = { objects: 0, bytes: 0 }
  const removed = { chunk: { objects: 3, bytes: 300 }, manifest: none, pack: none, sketches: none }
  let isThere = true
  const metrics = sampleMetrics({
    readCollections: async () =>
      isThere ? { ended: new Date(5000), removed } : Promise.reject(new Error('away')),
  })
  metrics.onJobFinished({ kind: 'verify', outcome: 'completed', ms: 2000 })
  expect(await valueOf(metrics, 'vend_jobs_finished_total', { kind: 'verify', outcome: 'completed' })).toBe(1)
  metrics.publishing.onEvent({ kind: 'missing', asked: 80, missing: 8 })
  metrics.publishing.onEvent({ kind: 'chunks', stored: 8, present: 0, storedBytes: 4000 })
  metrics.publishing.onIngested({ chunks: 20, chunksStored: 2, storedBytes: 1000, ms: 5 })
  expect(await valueOf(metrics, 'vend_publish_stored_bytes_total')).toBe(5000)
  expect(await valueOf(metrics, 'vend_publish_chunks_total', { state: 'known' })).toBe(90)
  expect(await valueOf(metrics, 'vend_publish_chunks_total', { state: 'stored' })).toBe(10)
  metrics.publishing.onEvent({ kind: 'commit', outcome: 'failed', ms: 5 })
  expect(await valueOf(metrics, 'vend_publishes_total', { way: 'remote', outcome: 'failed' })).toBe(1)
  for (const there of [true, true, false]) {
    isThere = there
    expect(await valueOf(metrics, 'vend_gc_freed_bytes_total', { kind: 'chunk' })).toBe(300)
  }
  expect(await valueOf(metrics, 'vend_gc_last_run_timestamp_seconds')).toBe(5)
  metrics.maintenance.verified(
    new Map([
      ['chunk', 2],
      ['made up', 1],
    ]),
    new Date(9000),
  )
  expect(await valueOf(metrics, 'vend_verify_errors_total', { kind: 'chunk' })).toBe(2)
  expect(await valueOf(metrics, 'vend_verify_errors_total', { kind: 'other' })).toBe(1)
  metrics.onCacheRead('memory')
  expect(await valueOf(metrics, 'vend_cache_reads_total', { outcome: 'memory' })).toBe(1)
})
