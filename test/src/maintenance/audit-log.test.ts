import { generateKeyPairSync, sign } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { checkpointKey } from '../../../src/repository/layout.ts'
import { logReader } from '../../../src/repository/repository-log.ts'
import { checkpointText } from '../../../src/transparency/checkpoint.ts'
import { encodeBundle } from '../../../src/transparency/entry-bundle.ts'
import { LogEdge } from '../../../src/transparency/log-edge.ts'
import type { LogHead } from '../../../src/transparency/log-head.ts'
import type { ReadObject } from '../../../src/transparency/read-object.ts'
import { signNote } from '../../../src/transparency/signed-note.ts'
import { LoggedRepository } from '../../support/logged-repository.ts'
import { bytesIn, contentsOf, keysIn } from '../../support/publisher.ts'

let base: LoggedRepository
let repository: LoggedRepository

/** 300 entries in three commits. */
beforeAll(async () => {
  base = await LoggedRepository.create()
  await base.commit([1, 2], 'first')
  await base.commit(Array.from({ length: 290 }, (_, i) => i + 3))
  await base.commit([293, 294, 295, 296, 297, 298], 'last')
})

afterAll(() => {
  base[Symbol.dispose]()
})

beforeEach(async () => {
  repository = await base.copy()
})

async function findings(copy?: LoggedRepository | ReadObject): Promise<string[]> {
  const read = copy instanceof LoggedRepository ? logReader(copy.store, {}) : copy
  const report = await repository.audit(read === undefined ? {} : { copy: { name: 'copy', read } })
  return report.findings.map(({ what, problem }) => `${what} ${problem}`)
}

async function flip(key: string, at: number): Promise<void> {
  const bytes = await bytesIn(repository.store, key)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  await repository.store.put(key, bytes)
}

test('a whole log has no findings, in the store or in a copy, also an older one', async () => {
  expect(await repository.head()).toMatchObject({ size: 300 })
  expect(await findings(base)).toEqual([])
  await repository.commit([300], 'later')
  expect(await findings(base)).toEqual([])
  expect((await repository.audit()).listed).toBe(300)
})

test('each object is named that was changed or is gone', async () => {
  const objects = (await keysIn(repository.store, 'log/')).filter((key) =>
    /000$|p\/44$|1\/000\.p\/1$/.test(key),
  )
  expect(objects).toEqual([
    'log/tile/0/000',
    'log/tile/0/001.p/44',
    'log/tile/1/000.p/1',
    'log/tile/entries/000',
    'log/tile/entries/001.p/44',
  ])
  for (const key of objects) {
    const before = await bytesIn(repository.store, key)
    for (const at of [0, 20, before.length - 1]) {
      await flip(key, at)
      const found = await findings()
      expect(
        found.filter((each) => each.startsWith('log/')),
        `byte ${at}`,
      ).toEqual([expect.stringMatching(`^${key} `)])
      await repository.store.put(key, before)
    }
    await repository.store.delete(key)
    expect((await findings()).some((each) => each.startsWith(`${key} is missing`))).toBe(true)
    await repository.store.put(key, before)
  }
  expect(await findings()).toEqual([])
})

test('a changed entry is told from a changed hash of it', async () => {
  await flip('log/tile/0/001.p/44', 32 * 4)
  expect(await findings()).toEqual(['log/tile/0/001.p/44 does not have the hash of entry 260'])
  repository = await base.copy()
  await flip('log/tile/entries/001.p/44', 85)
  expect(await findings()).toEqual([
    expect.stringMatching(/^entry 256 releases.* is not in the store$/),
    expect.stringMatching(/^entry 256 releases.* was another document, sha256:/),
    'log/tile/entries/001.p/44 entry 256 is not the one that log/tile/0/001.p/44 has',
    'releases/256.json is listed by the signed metadata and is not in the log',
  ])
})

test('entries and tiles that agree with each other and not with the signed head are found', async () => {
  const entries = Array.from({ length: 44 }, () =>
    Buffer.from(`{"format":"vend.log/1","length":1,"path":"releases/1.json","sha256":"${'0'.repeat(64)}"}`),
  )
  const edge = LogEdge.empty()
  for (const entry of entries) edge.append(entry)
  const tile = edge.partialObjects().find(({ path }) => path.startsWith('tile/0/'))
  await repository.store.put('log/tile/0/001.p/44', tile?.bytes ?? Buffer.of())
  await repository.store.put('log/tile/entries/001.p/44', encodeBundle(entries))
  const found = await findings()
  expect(found.some((each) => each.startsWith('the log does not lead to the head at 300 entries'))).toBe(true)
  expect(found.some((each) => each.startsWith('entry 256 releases/1.json was another document'))).toBe(true)
  expect(found.some((each) => each.includes('is not in the store'))).toBe(true)
})

test('a document that is gone or changed is named with its entry', async () => {
  const [first = '', second = ''] = await keysIn(repository.store, 'tuf/targets/releases/')
  await flip(first, 3)
  await repository.store.delete(second)
  const found = await findings()
  expect(found).toHaveLength(2)
  expect(found.find((each) => each.includes(first))).toMatch(/^entry \d+ releases\/\d+\.json: .* is damaged/)
  expect(found.find((each) => each.includes(second))).toMatch(/^entry \d+ .* is not in the store$/)
})

test('a copy of a fork is found, whoever has more of it', async () => {
  const fork = await base.copy()
  await fork.commit([300], 'here')
  await repository.commit([300], 'there')
  expect(await findings(fork)).toEqual([
    'copy: checkpoint its head at 302 entries is of another history than the log: one of them is a fork',
  ])
  await repository.commit([301])
  expect(await findings(fork)).toHaveLength(1)
  await fork.commit([301, 302, 303])
  const found = await findings(fork)
  expect(found[0]).toBe('the log has shrunk: copy has 305 entries of it, and the store 303')
  expect(found.join('\n')).toContain('the log of the store its head at 303 entries is of another history')
  expect(found.join('\n')).toMatch(/copy: entry \d+ channels\/stable\.json: .* is not in the store/)
})

test('a store that was set back is found by a copy of what it was', async () => {
  const later = await base.copy()
  await later.commit([300], 'later')
  expect(await findings(later)).toEqual([
    'the log has shrunk: copy has 302 entries of it, and the store 300',
    expect.stringMatching(/^copy: entry 300 releases\/300\.json: .* is not in the store$/),
    expect.stringMatching(/^copy: entry 301 channels\/stable\.json: .* is not in the store$/),
  ])
})

test('a damaged copy is named as the copy', async () => {
  const read = logReader(base.store, {})
  const spoilt: ReadObject = async (path, maxBytes) => {
    const bytes = await read(path, maxBytes)
    return path === 'tile/0/000' ? bytes?.fill(7, 0, 1) : path === 'tile/1/000.p/1' ? undefined : bytes
  }
  expect(await findings(spoilt)).toEqual([
    'copy: log/tile/1/000.p/1 is missing',
    'copy: log/tile/0/000 does not have the hash of entry 0',
  ])
})

test('a checkpoint counts only with the signature of a snapshot key', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  const head: LogHead = await repository.head()
  const signer = {
    name: head.origin,
    publicKey: raw,
    sign: async (text: Uint8Array) => sign(null, text, privateKey),
  }
  await repository.store.put(checkpointKey, await signNote(checkpointText(head), [signer]))
  expect(await findings()).toEqual(['log/checkpoint is not signed by a key of the role "snapshot"'])
})

test('an audit changes nothing', async () => {
  const before = await contentsOf(repository.store)
  await repository.audit({ copy: { name: 'copy', read: logReader(base.store, {}) } })
  expect(await contentsOf(repository.store)).toEqual(before)
})
