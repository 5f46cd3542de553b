import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, stat, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FilesystemStore } from '../../../storage/filesystem-store.ts'
import { DirectoryTier } from '../../../src/server/object-cache-directory.ts'
import { noise } from '../../support/tree-recipe.ts'

const objects = 160
const bytes = 15_000
/** Half of the objects have room. */
const maxBytes = (objects * bytes) / 2

let directory: string
let store: FilesystemStore
let cached: string
let children: ChildProcess[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vend-cache-processes-'))
  cached = join(directory, 'cache')
  await mkdir(cached)
  store = new FilesystemStore(join(directory, 'repository'))
  for (let i = 0; i < objects; i++) await store.put(`k${i}`, noise(i, bytes))
})

afterEach(async () => {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    }),
  )
  children = []
  await rm(directory, { recursive: true, force: true })
})

interface Front {
  readonly child: ChildProcess
  readonly read: { store: number; directory: number }
}

async function begin(): Promise<Front> {
  const args = [join(directory, 'repository'), cached, maxBytes, objects, bytes].map(String)
  const child = fork(join(import.meta.dirname, '../../support/cache-process.ts'), args)
  children.push(child)
  const read = { store: 0, directory: 0 }
  child.on('message', (outcomes) => Object.assign(read, outcomes))
  await once(child, 'message')
  return { child, read }
}

async function files(): Promise<{ path: string; size: number }[]> {
  const entries = await readdir(cached, { recursive: true, withFileTypes: true })
  const found = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const sizes = await Promise.all(
    found.map(async (path) => ({ path, size: (await stat(path).catch(() => undefined))?.size ?? 0 })),
  )
  return sizes
}

test('processes that share a directory and are killed leave nothing wrong in it, and stay within its bound', async () => {
  const fronts = await Promise.all([begin(), begin(), begin()])
  for (let kills = 0; kills < 8; kills++) {
    await sleep(150)
    const [front] = fronts.splice(kills % 3, 1)
    front?.child.kill('SIGKILL')
    await once(front?.child ?? expect.fail('no process'), 'exit')
    const held = (await files()).reduce((sum, { size }) => sum + size, 0)
    expect(held).toBeLessThanOrEqual(maxBytes * (1 + 3 / 16))
    fronts.push(await begin())
  }
  expect(fronts.some(({ read }) => read.store > 0)).toBe(true)
  expect(fronts.some(({ read }) => read.directory > 0)).toBe(true)
  for (const { child } of fronts) {
    expect(child.exitCode).toBe(null)
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  // What the killed left goes with the next sweep, when it is old enough to be theirs.
  for (const { path } of await files()) {
    if (path.endsWith('.tmp')) await utimes(path, new Date(0), new Date(0))
  }
  const onFailure = (error: unknown): never => expect.fail(String(error))
  const tier = new DirectoryTier({ directory: cached, maxBytes, storeName: store.name, onFailure })
  const info = await store.stat('k0')
  await tier.write('k0', info ?? expect.fail('no object'), noise(0, bytes))
  const left = await files()
  expect(left.filter(({ path }) => path.endsWith('.tmp'))).toEqual([])
  expect(left.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(maxBytes)
  let there = 0
  for (let i = 0; i < objects; i++) {
    const stored = await tier.read(`k${i}`)
    if (stored === undefined) continue
    there++
    expect(noise(i, bytes).equals(stored.bytes)).toBe(true)
  }
  expect(there).toBe(left.length)
})
