import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { exportMirror, importMirror } from '../../../../src/maintenance/mirror/offline-mirror.ts'
import {
  encodeMirrorState,
  findMirrorState,
  readMirrorState,
} from '../../../../src/maintenance/mirror/mirror-state.ts'
import type { MirrorOptions } from '../../../../src/maintenance/mirror/mirror-options.ts'
import type { MirrorReport } from '../../../../src/maintenance/mirror/mirror-run.ts'
import { OfflineReader } from '../../../../src/maintenance/mirror/offline-reader.ts'
import type { MirrorState } from '../../../../src/maintenance/mirror/mirror-state.ts'
import type { BlobStore } from '../../../../storage/blob-store.ts'
import { MemoryStore } from '../../../../storage/memory-store.ts'
import { keysIn, type Publisher } from '../../../support/publisher.ts'
import { copyOf, mirror, publicOf, publishNext, publishThree, putEmptyPack, wholeIn } from './mirror-world.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-offline-'))
const now = (): Date => new Date()
const longName = `channel-${'x'.repeat(56)}`
/** At release 12, and at 13. */
let publisher: Publisher
let before: MemoryStore
let destination: MemoryStore

beforeAll(async () => {
  publisher = await publishThree()
  before = await copyOf(publisher.store)
  await publishNext(publisher, 13, { channel: longName })
  await putEmptyPack(publisher, 12, 13)
  await write('full.tar')
})
beforeEach(() => {
  destination = new MemoryStore()
})
afterAll(() => {
  publisher[Symbol.dispose]()
  rmSync(directory, { recursive: true })
})

function file(name: string): string {
  return join(directory, name)
}

async function write(
  name: string,
  options: Partial<MirrorOptions> & { readonly since?: MirrorState; readonly store?: BlobStore } = {},
): Promise<MirrorReport> {
  const { store = publisher.store, ...rest } = options
  return exportMirror({ reader: store, canList: true }, file(name), { now, ...rest })
}

async function read(name: string, into: BlobStore = destination): Promise<MirrorReport> {
  return importMirror(file(name), into, { now })
}

test('a file of everything makes the same repository, and is the same bytes each time', async () => {
  expect(await read('full.tar')).toMatchObject({ changed: true, releases: 4, copied: { packs: 2 } })
  expect(await publicOf(destination)).toEqual(await publicOf(publisher.store))
  expect(await read('full.tar')).toMatchObject({ changed: false })
  await write('again.tar', { store: destination })
  expect(readFileSync(file('again.tar')).equals(readFileSync(file('full.tar')))).toBe(true)
  expect(existsSync(file('again.tar.partial'))).toBe(false)
})

test('any tar reads it, and what it extracts is the repository', () => {
  execFileSync('bash', ['-euc', 'mkdir x && tar -xf full.tar -C x'], { cwd: directory })
  const names = execFileSync('tar', ['-tf', file('full.tar')])
    .toString()
    .trim()
    .split('\n')
  expect(names[0]).toBe('vend-mirror.json')
  expect(names.at(-1)).toBe('tuf/metadata/timestamp.json')
  expect(names.filter((name) => name.startsWith('long/'))).toHaveLength(1)
  expect(names.filter((name) => /^packs\/[0-9a-f]{64}\/[0-9a-f]{64}\.pack$/.test(name))).toHaveLength(2)
})

test('a file since a state has what is new alone, and fits what has that state', async () => {
  await mirror(before, destination)
  writeFileSync(file('site.state'), encodeMirrorState(await findMirrorState(destination, {})))
  const { copied } = await write('next.tar', { since: readMirrorState(file('site.state')) })
  expect(copied).toMatchObject({ manifests: 1, packs: 1, documents: 2 })
  expect(readFileSync(file('next.tar')).length).toBeLessThan(readFileSync(file('full.tar')).length / 3)
  await expect(read('next.tar', new MemoryStore())).rejects.toMatchObject({ code: 'MIRROR_FILE_UNFIT' })
  await read('next.tar')
  expect(await publicOf(destination)).toEqual(await publicOf(publisher.store))
})

test('a file for a mirror of a part has no more than that', async () => {
  const selection = { modules: ['tools'] }
  await mirror(before, destination, { selection })
  const since = await findMirrorState(destination, {})
  const { state } = await write('part.tar', { since, selection })
  expect(state.absent).toEqual({ modules: ['base'], releases: [] })
  await read('part.tar')
  expect(await wholeIn(destination)).toEqual([10, 11, 12, 13])
  const less = new MemoryStore()
  await mirror(before, less, { selection: { keepLast: 1, channels: ['beta'], modules: ['tools'] } })
  await expect(read('part.tar', less)).rejects.toMatchObject({ code: 'MIRROR_FILE_UNFIT' })
})

test('a state that the source does not know, and one of another repository, are refused', async () => {
  const since = await findMirrorState(publisher.store, {})
  await expect(write('x.tar', { store: before, since })).rejects.toMatchObject({ code: 'MIRROR_FILE_UNFIT' })
  const root = since.snapshot.digest
  await expect(write('x.tar', { since: { ...since, root } })).rejects.toMatchObject({ code: 'ROOT_MISMATCH' })
  expect(existsSync(file('x.tar'))).toBe(false)
  writeFileSync(file('bad.state'), '{}')
  expect(() => readMirrorState(file('bad.state'))).toThrow('is not the state of a mirror')
})

test('a file that is cut off anywhere is refused before anything is stored', async () => {
  const whole = readFileSync(file('full.tar'))
  for (let bytes = 0; bytes < whole.length; bytes += Math.max(512, Math.floor(whole.length / 97))) {
    writeFileSync(file('cut.tar'), whole.subarray(0, bytes))
    await expect(read('cut.tar')).rejects.toMatchObject({ code: 'MIRROR_FILE_INVALID' })
  }
  writeFileSync(file('cut.tar'), whole.subarray(0, -1))
  await expect(read('cut.tar')).rejects.toMatchObject({ code: 'MIRROR_FILE_INVALID' })
  expect(await keysIn(destination)).toEqual([])
})

test('a file in which a byte was changed makes the repository, or nothing of it visible', async () => {
  const whole = readFileSync(file('full.tar'))
  const originals = await publicOf(publisher.store)
  for (let i = 0; i < 60; i++) {
    const changed = Buffer.from(whole)
    const at = Math.floor((whole.length * (i + 0.5)) / 60)
    changed[at] = (changed[at] ?? 0) ^ 0x40
    writeFileSync(file('changed.tar'), changed)
    const target = new MemoryStore()
    const failure = await read('changed.tar', target).catch((error: unknown) => error)
    const stored = await publicOf(target)
    expect(Object.entries(stored).filter(([key, digest]) => originals[key] !== digest)).toEqual([])
    if (failure instanceof Error) expect(await wholeIn(target)).toBeUndefined()
    else expect(await wholeIn(target)).toEqual([10, 11, 12, 13])
  }
})

test('what is no mirror in a file is refused', async () => {
  writeFileSync(file('not.tar'), 'something else, and long enough to have a header: '.repeat(50))
  await expect(OfflineReader.open(file('not.tar'))).rejects.toMatchObject({ code: 'MIRROR_FILE_INVALID' })
  writeFileSync(file('empty.tar'), Buffer.alloc(10_240))
  await expect(OfflineReader.open(file('empty.tar'))).rejects.toMatchObject({ code: 'MIRROR_FILE_INVALID' })
  execFileSync('tar', ['-cf', file('other.tar'), '-C', directory, 'full.tar'])
  await expect(OfflineReader.open(file('other.tar'))).rejects.toMatchObject({ code: 'MIRROR_FILE_INVALID' })
})

test('an export that fails leaves no file', async () => {
  const broken = await copyOf(publisher.store)
  await broken.delete((await keysIn(broken, 'chunks/')).at(-1) ?? '')
  await expect(write('broken.tar', { store: broken })).rejects.toThrow('is missing')
  expect(existsSync(file('broken.tar')) || existsSync(file('broken.tar.partial'))).toBe(false)
})
