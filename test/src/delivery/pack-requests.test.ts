import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { StoreDeniedError } from '../../../storage/errors.ts'
import {
  PackRequests,
  type PackBuildEvent,
  type PackEnd,
  type PackRequestLimits,
} from '../../../src/delivery/pack-requests.ts'
import { packKey } from '../../../src/repository/layout.ts'

const ends = Array.from({ length: 200 }, (_, i) => end(`manifest ${i}`))

function end(name: string, contentBytes = 1000): PackEnd {
  return { digest: digestOf(Buffer.from(name)), bytes: 10, contentBytes }
}

function at(index: number): PackEnd {
  return ends[index] ?? expect.fail('too few manifests')
}

/** A builder whose builds end when the test says so, and requests with a clock that stands still. */
class Bench {
  now = 0
  readonly events: PackBuildEvent[] = []
  readonly builds: {
    readonly to: PackEnd
    readonly from: PackEnd | undefined
    readonly signal: AbortSignal
    readonly finish: PromiseWithResolvers<{ bytes: number; isNew: boolean }>
  }[] = []
  readonly requests: PackRequests

  constructor(limits: Partial<PackRequestLimits> = {}) {
    this.requests = new PackRequests({
      build: async (from, to, signal) => {
        const finish = Promise.withResolvers<{ bytes: number; isNew: boolean }>()
        signal.addEventListener('abort', () => finish.reject(signal.reason as Error))
        this.builds.push({ from, to, signal, finish })
        return finish.promise
      },
      limits,
      now: () => this.now,
      onEvent: (event) => this.events.push(event),
    })
  }

  async finish(index: number, outcome: Error | { bytes: number; isNew: boolean }): Promise<void> {
    await turn()
    const build = this.builds[index] ?? expect.fail(`build ${index} has not begun`)
    if (outcome instanceof Error) build.finish.reject(outcome)
    else build.finish.resolve(outcome)
    await turn()
  }

  get kinds(): string[] {
    return this.events.map(({ kind }) => kind)
  }
}

const built = { bytes: 500, isNew: true }
const building = { kind: 'building' }

test('a pack is built once however many ask, and asking does not wait', async () => {
  const bench = new Bench()
  for (let i = 0; i < 500; i++) expect(bench.requests.request(at(0), at(1))).toEqual(building)
  expect(bench.builds).toHaveLength(0)
  await turn()
  expect(bench.builds).toMatchObject([{ from: at(0), to: at(1) }])
  await bench.finish(0, built)
  const key = packKey(at(0).digest, at(1).digest)
  expect(bench.events).toEqual([
    { kind: 'started', key, waiting: 0 },
    { kind: 'built', key, ms: 0, bytes: 500 },
  ])
})

test('a first install and each direction are packs of their own', async () => {
  const bench = new Bench({ concurrency: 3 })
  bench.requests.request(undefined, at(1))
  bench.requests.request(at(0), at(1))
  bench.requests.request(at(1), at(0))
  await turn()
  expect(bench.builds).toHaveLength(3)
})

test('as many are built at once as the limits say, in the order in which they were asked for', async () => {
  const bench = new Bench({ concurrency: 2 })
  for (let i = 1; i <= 5; i++) bench.requests.request(undefined, at(i))
  await turn()
  expect(bench.builds.map(({ to }) => to)).toEqual([at(1), at(2)])
  await bench.finish(1, built)
  expect(bench.builds.map(({ to }) => to)).toEqual([at(1), at(2), at(3)])
  await bench.finish(2, new Error('no'))
  await bench.finish(0, built)
  expect(bench.builds.map(({ to }) => to)).toEqual([at(1), at(2), at(3), at(4), at(5)])
})

test('a full queue takes no more until something has moved', async () => {
  const bench = new Bench({ maxWaiting: 2 })
  const ask = (index: number): unknown => bench.requests.request(undefined, at(index))
  expect([ask(1), ask(2), ask(3)]).toEqual([building, building, building])
  expect(ask(4)).toMatchObject({ kind: 'refused', reason: 'queue-full', retryMs: 10_000 })
  expect(ask(3)).toEqual(building)
  await bench.finish(0, built)
  expect(ask(4)).toEqual(building)
})

test('a flood of known pairs starts few builds and leaves nothing behind', async () => {
  const bench = new Bench({ maxWaiting: 8 })
  let refused = 0
  for (const from of ends) {
    for (const to of ends) if (bench.requests.request(from, to).kind === 'refused') refused++
  }
  expect(refused).toBe(ends.length ** 2 - 9)
  for (let i = 0; i < 9; i++) await bench.finish(i, built)
  expect(bench.builds).toHaveLength(9)
})

test('more content than the limit is not begun with', () => {
  const bench = new Bench({ maxContentBytes: 2500 })
  expect(bench.requests.request(at(0), at(1))).toEqual(building)
  expect(bench.requests.request(at(0), end('large', 1501))).toEqual({ kind: 'refused', reason: 'too-large' })
  expect(bench.requests.request(undefined, end('large', 1501))).toEqual(building)
})

describe('after a failure', () => {
  test('the pair rests, and longer each time; others do not', async () => {
    const bench = new Bench({ retryMs: 1000 })
    const ask = (): unknown => bench.requests.request(at(0), at(1))
    let rests = 0
    for (const restMs of [1000, 2000, 4000]) {
      expect(ask()).toEqual(building)
      await bench.finish(rests++, new Error('no'))
      expect(ask()).toMatchObject({ kind: 'refused', reason: 'failed', retryMs: restMs })
      bench.now += restMs - 1
      expect(ask()).toMatchObject({ reason: 'failed', retryMs: 1 })
      bench.now += 1
    }
    expect(bench.requests.request(at(0), at(2))).toEqual(building)
    expect(bench.events.filter(({ kind }) => kind === 'failed')).toHaveLength(3)
    expect(bench.events[1]).toMatchObject({ kind: 'failed', error: { message: 'no' } })
  })

  test('at most an hour, and success forgives', async () => {
    const bench = new Bench({ retryMs: 3_000_000 })
    bench.requests.request(at(0), at(1))
    await bench.finish(0, new Error('no'))
    bench.now += 3_000_000
    bench.requests.request(at(0), at(1))
    await bench.finish(1, new Error('no'))
    expect(bench.requests.request(at(0), at(1))).toMatchObject({ retryMs: 3_600_000 })
    bench.now += 3_600_000
    bench.requests.request(at(0), at(1))
    await bench.finish(2, built)
    bench.requests.request(at(0), at(1))
    await bench.finish(3, new Error('no'))
    expect(bench.requests.request(at(0), at(1))).toMatchObject({ retryMs: 3_000_000 })
  })

  test('only a thousand are remembered', async () => {
    const bench = new Bench({ concurrency: 1000, maxWaiting: 2000 })
    const many = Array.from({ length: 1001 }, (_, i) => end(`failing ${i}`))
    for (const to of many) bench.requests.request(undefined, to)
    for (let i = 0; i < many.length; i++) await bench.finish(i, new Error('no'))
    const verdicts = many.map((to) => bench.requests.request(undefined, to).kind)
    expect(verdicts.indexOf('building')).toBe(0)
    expect(verdicts.lastIndexOf('building')).toBe(0)
  })

  test('of the store to take it, nothing is built for a while, nor waits', async () => {
    const bench = new Bench({ retryMs: 1000 })
    bench.requests.request(undefined, at(1))
    bench.requests.request(undefined, at(2))
    await bench.finish(0, new StoreDeniedError('file:/r', 'packs', 'read-only'))
    expect(bench.builds).toHaveLength(1)
    expect(bench.requests.request(undefined, at(3))).toEqual({
      kind: 'refused',
      reason: 'store',
      retryMs: 1000,
    })
    bench.now += 1000
    expect(bench.requests.request(undefined, at(3))).toEqual(building)
  })

  test('a builder that throws at once is one that fails', async () => {
    const events: string[] = []
    const requests = new PackRequests({
      build: () => {
        throw new Error('at once')
      },
      now: () => 0,
      onEvent: ({ kind }) => events.push(kind),
    })
    requests.request(undefined, at(1))
    requests.request(undefined, at(2))
    await turn()
    expect(events).toEqual(['started', 'failed', 'started', 'failed'])
    expect(requests.request(undefined, at(1))).toMatchObject({ reason: 'failed' })
  })
})

test('no more is stored in a day than the limit, about', async () => {
  const bench = new Bench({ maxStoredBytesPerDay: 1000 })
  for (let i = 0; i < 2; i++) {
    expect(bench.requests.request(undefined, at(i))).toEqual(building)
    await bench.finish(i, built)
  }
  bench.now = 1000
  expect(bench.requests.request(undefined, at(2))).toEqual({
    kind: 'refused',
    reason: 'day-full',
    retryMs: 86_399_000,
  })
  bench.now = 86_400_000
  expect(bench.requests.request(undefined, at(2))).toEqual(building)
})

test('what another process had built meanwhile counts for nothing', async () => {
  const bench = new Bench({ maxStoredBytesPerDay: 400 })
  bench.requests.request(undefined, at(1))
  await bench.finish(0, { bytes: 500, isNew: false })
  expect(bench.kinds).toEqual(['started', 'there'])
  expect(bench.requests.request(undefined, at(2))).toEqual(building)
})

test('a build that takes too long is aborted, and has failed', async () => {
  const bench = new Bench({ maxBuildMs: 5 })
  bench.requests.request(undefined, at(1))
  await expect.poll(() => bench.kinds).toEqual(['started', 'failed'])
  expect(bench.requests.request(undefined, at(1))).toMatchObject({ reason: 'failed' })
})

test('closing aborts what runs, forgets what waits and takes no more', async () => {
  const bench = new Bench()
  bench.requests.request(undefined, at(1))
  bench.requests.request(undefined, at(2))
  await turn()
  await bench.requests.close()
  expect(bench.builds).toHaveLength(1)
  expect(bench.kinds).toEqual(['started', 'aborted'])
  expect(bench.requests.request(undefined, at(3))).toEqual({ kind: 'refused', reason: 'closed' })
})
