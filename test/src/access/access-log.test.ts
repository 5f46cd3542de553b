import { beforeEach, describe, expect, test } from 'vitest'
import type { AccessEntry } from '../../../src/access/access-entry.ts'
import { AccessLog } from '../../../src/access/access-log.ts'
import { readAccessLog, type AccessLogQuery } from '../../../src/access/read-access-log.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { RetryingStore } from '../../../storage/retrying-store.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { bytesOf, keysOf } from '../server/published-repository.ts'

let store: MemoryStore
let clock: number

beforeEach(() => {
  store = new MemoryStore()
  clock = Date.parse('2026-05-01T23:59:58.500Z')
})

const now = (): Date => new Date(clock)

function entry(target: string, who = 'token:a'): Omit<AccessEntry, 'at'> {
  return { who, name: 'nightly', what: 'publish', target, outcome: 'done', requestId: 'r-1' }
}

async function read(query: AccessLogQuery = {}): Promise<(string | undefined)[]> {
  const entries = await Array.fromAsync(readAccessLog(store, query))
  return entries.map(({ target }) => target)
}

describe('the access log', () => {
  test('gives back what was recorded, canonical, a line each', async () => {
    const log = new AccessLog({ store, now })
    await log.record(entry('release 1'))
    clock += 1000
    await log.record({ who: 'oidc:x#y', what: 'POST /v1/commits', outcome: 'refused', code: 'FORBIDDEN' })
    expect(await Array.fromAsync(readAccessLog(store))).toEqual([
      { at: new Date('2026-05-01T23:59:58.500Z'), ...entry('release 1') },
      {
        at: new Date('2026-05-01T23:59:59.500Z'),
        who: 'oidc:x#y',
        what: 'POST /v1/commits',
        outcome: 'refused',
        code: 'FORBIDDEN',
      },
    ])
    const [first = ''] = await keysOf(store, 'private/access-log/')
    expect(first).toMatch(/^private\/access-log\/2026-05-01\/1777679998500-[0-9a-f]{16}-00000000\.ndjson$/)
    expect((await bytesOf(store, first)).toString()).toBe(
      '{"at":"2026-05-01T23:59:58.500Z","format":1,"name":"nightly","outcome":"done","requestId":"r-1",' +
        '"target":"release 1","what":"publish","who":"token:a"}\n',
    )
  })

  test('loses nothing of what many record at once, by many writers, and stores what comes together in one object', async () => {
    const logs = [1, 2, 3].map(() => new AccessLog({ store, now }))
    const all = logs.flatMap((log, i) =>
      Array.from({ length: 200 }, async (_, n) => log.record(entry(`${i}.${n}`))),
    )
    await Promise.all(all)
    expect(new Set(await read()).size).toBe(600)
    // The first of each alone, and the rest while that one was being stored.
    expect(await keysOf(store, 'private/access-log/')).toHaveLength(6)
  })

  test('keeps days apart', async () => {
    const log = new AccessLog({ store, now })
    const first = log.record(entry('1'))
    const second = log.record(entry('2'))
    clock += 2000
    await Promise.all([first, second, log.record(entry('3'))])
    const keys = await keysOf(store, 'private/access-log/')
    expect(keys.map((key) => key.split('/')[2])).toEqual(['2026-05-01', '2026-05-01', '2026-05-02'])
    expect(await read()).toEqual(['1', '2', '3'])
  })

  test('can be read from a time on, and of one of them', async () => {
    const log = new AccessLog({ store, now })
    for (const target of ['1', '2', '3', '4']) {
      await log.record(entry(target, target === '3' ? 'token:b' : 'token:a'))
      clock += 1000
    }
    expect(await read({ since: new Date('2026-05-01T23:59:59.500Z') })).toEqual(['2', '3', '4'])
    expect(await read({ since: new Date('2026-05-02T00:00:00Z') })).toEqual(['3', '4'])
    expect(await read({ who: 'token:b' })).toEqual(['3'])
    expect(await read({ who: 'nightly' })).toEqual(['1', '2', '3', '4'])
    expect(await read({ who: 'night' })).toEqual([])
  })

  test('says who was not recorded when the store fails, and goes on', async () => {
    let isDown = true
    const failing = new FaultyStore(store, {
      fault: ({ operation }) => (isDown && operation === 'create' ? { kind: 'fail-before' } : undefined),
    })
    const log = new AccessLog({ store: failing, now })
    const outcomes = await Promise.allSettled([log.record(entry('1')), log.record(entry('2'))])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    isDown = false
    await log.record(entry('3'))
    expect(await read()).toEqual(['3'])
  })

  test('has once what was stored and whose answer was lost', async () => {
    let tries = 0
    const losing = new FaultyStore(store, {
      fault: ({ operation }) =>
        operation === 'create' && tries++ === 0 ? { kind: 'lose-answer' } : undefined,
    })
    const log = new AccessLog({ store: new RetryingStore(losing, { sleep: () => Promise.resolve() }), now })
    await log.record(entry('1'))
    expect(tries).toBe(2)
    expect(await read()).toEqual(['1'])
  })

  test('takes texts of any length and kind, one line each', async () => {
    const log = new AccessLog({ store, now })
    await log.record({ ...entry('x'.repeat(10_000)), what: 'a\nb', name: 'half \ud800' })
    const [only] = await Array.fromAsync(readAccessLog(store))
    expect(only).toMatchObject({ target: 'x'.repeat(512), what: 'a\nb', name: 'half \ufffd' })
  })

  test('names the object that is damaged', async () => {
    await store.put('private/access-log/2026-05-01/1-x.ndjson', Buffer.from('{"at":1}\n'))
    await expect(read()).rejects.toMatchObject({ code: 'REPOSITORY_CORRUPT', message: /2026-05-01\/1-x/ })
  })
})
