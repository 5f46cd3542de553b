import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { seededRandom } from '../support/faulty-store.ts'
import { contentOf, keysIn, text } from './blob-content.ts'

type StoreProcess = ChildProcessByStdio<Writable, Readable, null>

const script = fileURLToPath(new URL('../support/store-process.ts', import.meta.url))

let root: string
let store: FilesystemStore

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'vend-store-'))
  store = new FilesystemStore(root)
})
afterEach(async () => {
  await rm(root, { recursive: true })
})

test('of eight processes one creates each key, and no replacement is lost', async () => {
  await store.put('counter', text('0'))
  const won = await runTogether('compete')
  expect(won.reduce((sum, line) => sum + Number(line), 0)).toBe(20)
  const keys = await keysIn(store, 'race/')
  expect(keys).toHaveLength(20)
  for (const key of keys) {
    expect((await contentOf(store, key)).toString()).toMatch(new RegExp(`^process \\d in ${key.slice(5)}$`))
  }
  expect((await contentOf(store, 'counter')).toString()).toBe('80')
  expect(await readdir(join(root, 'private/tmp'))).toEqual([])
})

test('a writer killed at any moment leaves whole blobs, no lock, and nothing that is listed', async () => {
  const random = seededRandom(7)
  for (let round = 0; round < 8; round += 1) {
    const writer = await start('writeForEver', 'writer')
    const ended = once(writer, 'exit')
    writer.stdin.end()
    await sleep(random() * 60)
    writer.kill('SIGKILL')
    await ended
    for await (const { key, bytes } of store.list('')) {
      expect(['created', 'k']).toContain(key)
      expect(bytes).toBe(8 * 1024 * 1024)
      const content = await contentOf(store, key)
      expect(content.equals(Buffer.alloc(bytes, content[0]))).toBe(true)
    }
    const { etag } = await store.put('k', text('mine again'))
    await store.replace('k', text('and again'), etag, { signal: AbortSignal.timeout(5_000) })
    await store.delete('k')
  }
  const left = await readdir(join(root, 'private/tmp'))
  expect(left.length).toBeGreaterThan(0)
  await new FilesystemStore(root, { staleAfterMs: -1_000 }).put('k', text('x'))
  expect(await readdir(join(root, 'private/tmp'))).toEqual([])
}, 60_000)

/** What each said at its end. */
async function runTogether(task: string): Promise<string[]> {
  const processes = await Promise.all(
    Array.from({ length: 8 }, async (_, index) => start(task, `process ${index}`)),
  )
  for (const { stdin } of processes) stdin.end()
  return Promise.all(
    processes.map(async (running) => {
      const said = Buffer.concat((await running.stdout.toArray()) as Uint8Array[]).toString()
      expect(running.exitCode ?? (await once(running, 'exit'))[0]).toBe(0)
      return said.trim()
    }),
  )
}

async function start(task: string, name: string): Promise<StoreProcess> {
  const running = spawn(process.execPath, [script, task, root, name], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [first] = (await once(running.stdout, 'data')) as [Buffer]
  expect(first.toString()).toBe('ready\n')
  return running
}
