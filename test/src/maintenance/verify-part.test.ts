import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { commit } from '../../../src/repository/commit.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import { isInSlice, partsOf, sliceOfDay } from '../../../src/maintenance/verify-slice.ts'
import { VerifyPass } from '../../../src/maintenance/verify-pass.ts'
import {
  verifyRepository,
  type VerifyOptions,
  type VerifyReport,
} from '../../../src/maintenance/verify-repository.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import type { MemoryStore } from '../../../storage/memory-store.ts'
import { keysIn, type Publisher } from '../../support/publisher.ts'
import { copyOf, publishThree, putEmptyPack, watch } from './mirror/mirror-world.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-verify-part-'))
const path = join(directory, 'state')
const now = new Date()
const day = 24 * 3600 * 1000
let publisher: Publisher
let store: MemoryStore
let chunks: string[]

beforeAll(async () => {
  publisher = await publishThree()
  await putEmptyPack(publisher, 10, 12)
  chunks = await keysIn(publisher.store, 'chunks/')
})
beforeEach(async () => {
  store = await copyOf(publisher.store)
  rmSync(path, { force: true })
})
afterAll(() => {
  publisher[Symbol.dispose]()
  rmSync(directory, { recursive: true })
})

async function verify(options: Partial<VerifyOptions> = {}, of: BlobStore = store): Promise<VerifyReport> {
  return verifyRepository(of, { now, ...options })
}

function pass(of: number, notes: string[] = []): VerifyPass {
  return VerifyPass.open(path, digestOf(Buffer.from('root')), of, (note) => notes.push(note))
}

/** The chunks and packs that were read while `work` ran. */
async function readBy(work: (store: BlobStore) => Promise<unknown>): Promise<string[]> {
  const watched = watch(store)
  await work(watched.store)
  const keys = watched.calls
    .filter((call) => /^get (?:chunks|packs)\//.test(call))
    .map((call) => call.slice(4))
  return [...new Set(keys)].sort()
}

test('the parts of successive days are all there is, each once', async () => {
  expect([0.05, 0.3, 0.5, 0.99].map(partsOf)).toEqual([20, 4, 2, 2])
  for (const share of [0.05, 0.3, 0.5]) {
    const seen: string[] = []
    for (let i = 0; i < partsOf(share); i++) {
      const slice = sliceOfDay(share, new Date(now.getTime() + i * day))
      seen.push(
        ...(await readBy(async (of) =>
          expect(await verify({ slice }, of)).toMatchObject({ slice, damages: [] }),
        )),
      )
    }
    expect(seen.sort()).toEqual([...chunks, ...(await keysIn(store, 'packs/'))].sort())
  }
})

test('every digest lies in one part', () => {
  for (const hex of ['0'.repeat(64), 'f'.repeat(64), '80000000'.repeat(8), '7fffffff'.repeat(8)]) {
    for (const of of [1, 2, 3, 20, 1000]) {
      expect(
        Array.from({ length: of }, (_, index) => isInSlice(hex, { index, of })).filter(Boolean),
      ).toHaveLength(1)
    }
  }
})

test('a pass that was interrupted goes on, and then the next part has its turn', async () => {
  const half = chunks[chunks.length >> 1] ?? ''
  const broken = new Proxy(store, {
    get: (inner, name) => {
      if (name !== 'get') return bound(inner, name)
      return async (key: string, options: object) => {
        if (key >= half && key.startsWith('chunks/')) throw new Error('interrupted')
        return inner.get(key, options)
      }
    },
  })
  const first = pass(1)
  await expect(verify({ pass: first }, broken)).rejects.toThrow('interrupted')
  first.save()
  const read = await readBy(async (of) => verify({ pass: pass(1) }, of))
  expect(read.filter((key) => key.startsWith('chunks/'))).toEqual(chunks.filter((key) => key >= half))
  const all = await readBy(async (of) => verify({ pass: pass(1) }, of))
  expect(all.filter((key) => key.startsWith('chunks/'))).toEqual(chunks)
})

function bound(inner: BlobStore, name: string | symbol): unknown {
  const value: unknown = Reflect.get(inner, name)
  return typeof value === 'function' ? (value.bind(inner) as unknown) : value
}

test('damage that was found before an interruption is looked at again', async () => {
  const [broken = '', later = ''] = chunks
  await store.put(broken, Buffer.from('junk'))
  const first = pass(1)
  first.sawChunk(`sha256:${broken.slice(12, -6)}`, true)
  first.sawChunk(`sha256:${later.slice(12, -6)}`, false)
  first.save()
  expect((await verify({ pass: pass(1) })).damages).toMatchObject([{ kind: 'chunk' }])
  const second = pass(1)
  second.sawChunk(`sha256:${broken.slice(12, -6)}`, true)
  second.save()
  await store.put(broken, await bytesOf(broken))
  expect((await verify({ pass: pass(1) })).damages).toEqual([])
})

async function bytesOf(key: string): Promise<Buffer> {
  const { stream } = await publisher.store.get(key)
  return Buffer.concat((await stream.toArray()) as Uint8Array[])
}

test('passes over parts take turns, and files that do not fit begin anew', async () => {
  const indices: number[] = []
  for (let i = 0; i < 5; i++) {
    const next = pass(4)
    indices.push(next.slice.index)
    next.end()
  }
  expect(indices).toEqual([0, 1, 2, 3, 0])
  const notes: string[] = []
  expect(pass(2, notes).slice).toEqual({ index: 0, of: 2 })
  writeFileSync(path, 'no JSON')
  expect(pass(4, notes).slice).toEqual({ index: 0, of: 4 })
  pass(4).end()
  VerifyPass.open(path, digestOf(Buffer.from('another')), 4, (note) => notes.push(note))
  expect(notes.map((note) => note.slice(path.length))).toEqual([
    ' is of a verify in 4 parts: it begins anew',
    ' is not a file of "vend verify --state": it begins anew',
    ' is of another repository: it begins anew',
  ])
  expect(existsSync(`${path}.new`)).toBe(false)
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ slice: { index: 1, of: 4 } })
})

test('what a release needed that is retired while it is verified is no damage', async () => {
  const old = (await (await publisher.repository(store)).release(10)).modules['base']
  const key = `manifests/${old?.manifest.digest.slice(7)}.ndjson.zst`
  let isRetired = false
  const moving = new Proxy(store, {
    get: (inner, name) => {
      if (name !== 'get') return bound(inner, name)
      return async (asked: string, options: object) => {
        if (asked === key && !isRetired) {
          isRetired = true
          const context = { store, keys: publisher.keys, now: publisher.now }
          await commit(context, await loadState(store), { retired: new Set(['releases/10.json']) })
          await store.delete(key)
        }
        return inner.get(asked, options)
      }
    },
  })
  expect((await verify({}, moving)).damages).toEqual([])
  expect(isRetired).toBe(true)
  await store.delete(`manifests/${'0'.repeat(64)}.ndjson.zst`)
})
