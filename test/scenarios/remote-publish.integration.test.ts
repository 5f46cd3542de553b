import { once } from 'node:events'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadState } from '../../src/repository/repository-state.ts'
import { Repository } from '../../src/repository/repository.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { outcomeOf, startVend, vend, type Outcome } from '../src/cli/vend-process.ts'
import { makeToken } from '../src/server/access/test-tokens.ts'
import { Random } from '../support/random.ts'
import { SlowLink } from '../support/slow-link.ts'
import { TlsAuthority } from '../support/tls-authority.ts'

const line = { delayMs: 50, bytesPerSecond: 12.5e6 }

let directory = ''
let store: FilesystemStore
let authority: TlsAuthority
let server: Server

/** Two packages of npm's, which every checkout has: a compiler's and a program's native code. */
function packagesOf(...names: readonly string[]): string[] {
  const modules = dirname(dirname(createRequire(import.meta.url).resolve('yaml/package.json')))
  return names.flatMap((name) => globSync(join(modules, name)))
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vend-remote-'))
  authority = new TlsAuthority(directory, 'authority')
  store = new FilesystemStore(join(directory, 'repository'))
  expect(await vend(['init'], { cwd: directory })).toMatchObject({ code: 0 })
  const token = await makeToken(store, [{ may: 'publish', modules: ['*'], channels: ['*'] }])
  writeFileSync(join(directory, 'token'), token.text)
  server = await Server.start()
}, 120_000)

afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

/** `vend serve` as a process of its own, by HTTPS. */
class Server implements AsyncDisposable {
  readonly port: number
  readonly pid: number
  readonly #child: ReturnType<typeof startVend>
  readonly #outcome: Promise<Outcome>
  #log = ''

  private constructor(child: ReturnType<typeof startVend>, outcome: Promise<Outcome>, port: number) {
    this.#child = child
    this.#outcome = outcome
    this.port = port
    this.pid = child.pid ?? 0
    child.stderr.on('data', (text: string) => (this.#log += text))
  }

  static async start(): Promise<Server> {
    const { certificate, key } = authority.issue('server', 'IP:127.0.0.1')
    const tls = ['--tls-certificate', certificate, '--tls-key', key]
    const args = ['serve', '--listen', '127.0.0.1:0', '--publishing', 'yes', ...tls]
    const child = startVend(args, { cwd: directory })
    const outcome = outcomeOf(child)
    for (let text = ''; ;) {
      text += String((await once(child.stderr, 'data'))[0])
      const port = /vend: serving .* on https:\/\/127.0.0.1:(\d+)/.exec(text)?.[1]
      if (port !== undefined) return new Server(child, outcome, Number(port))
    }
  }

  /** How many requests were answered since the last call, by method and kind of path. */
  takeRequests(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    const end = this.#log.lastIndexOf('\n') + 1
    for (const text of this.#log.slice(0, end).split('\n')) {
      if (!text.startsWith('{')) continue
      const { method, path } = JSON.parse(text) as { readonly method?: string; readonly path?: string }
      if (method === undefined || path === undefined) continue
      const kind = `${method} ${path.replace(/^\/(v1\/[a-z]+(?:\/missing)?|[a-z]+).*/, '$1')}`
      counts.set(kind, (counts.get(kind) ?? 0) + 1)
    }
    this.#log = this.#log.slice(end)
    return counts
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#outcome
  }
}

/** The most memory that a process ever had, in bytes; 0 of one that has ended. */
function peakOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
}

function publishing(link: Pick<SlowLink, 'port'>, args: readonly string[]): ReturnType<typeof startVend> {
  const env = { VEND_TOKEN_FILE: join(directory, 'token'), VEND_CA: authority.certificate }
  return startVend(['publish', ...args, '--to', `https://127.0.0.1:${link.port}`, '--json'], {
    cwd: directory,
    env,
  })
}

async function publish(link: Pick<SlowLink, 'port'>, args: readonly string[]): Promise<Outcome> {
  return outcomeOf(publishing(link, args))
}

/** Bytes of all that a publish uploads. */
async function uploadedBytes(): Promise<number> {
  let bytes = 0
  for (const prefix of ['chunks/', 'manifests/', 'private/sketches/']) {
    for await (const blob of store.list(prefix)) bytes += blob.bytes
  }
  return bytes
}

interface Published {
  readonly changed: boolean
  readonly chunks: number
  readonly newChunks: number
}

/** How many chunks there are. */
async function chunkCount(): Promise<number> {
  let count = 0
  for await (const _ of store.list('chunks/')) count++
  return count
}

/** All that is asked once or twice a publish, or once or twice a module of it, however much it uploads. */
const handful = new Set([
  'GET tuf',
  'HEAD tuf',
  'GET log',
  'HEAD manifests',
  'PUT v1/manifests',
  'HEAD v1/sketches',
  'PUT v1/sketches',
  'GET v1/publishes',
  'POST v1/publishes',
  'POST v1/commits',
  'PUT v1/log',
])

test('a release comes whole over a long line that is cut, and little is sent twice', async () => {
  await using link = await SlowLink.start({ port: server.port, ...line, seed: 7, cutEvery: 24e6 })
  const [one = '', two = ''] = packagesOf('node-linux-*', '@typescript')
  const before = await uploadedBytes()
  server.takeRequests()
  const child = publishing(link, [`node=${one}`, `typescript=${two}`, '--release', '1'])
  let publisherPeak = 0
  const watch = setInterval(() => {
    publisherPeak = Math.max(publisherPeak, peakOf(child.pid ?? 0))
  }, 50)
  const outcome = await outcomeOf(child)
  clearInterval(watch)
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  const { chunks, newChunks } = JSON.parse(outcome.stdout) as Published
  const missing = (await uploadedBytes()) - before
  expect(missing).toBeGreaterThan(40e6)
  expect(newChunks).toBe(chunks)
  expect(link.cuts).toBeGreaterThanOrEqual(2)
  expect(link.sentBytes).toBeLessThan(missing * 1.05)
  const requests = server.takeRequests()
  const [uploads = 0, questions = 0] = ['POST v1/chunks', 'POST v1/chunks/missing'].map((kind) =>
    requests.get(kind),
  )
  expect(uploads + questions).toBeLessThanOrEqual(Math.max(missing / (4 << 20), chunks / 500))
  const others = [...requests].filter(([kind]) => !kind.startsWith('POST v1/chunks'))
  expect(others.filter(([kind]) => !handful.has(kind))).toEqual([])
  expect(others.reduce((sum, [, count]) => sum + count, 0)).toBeLessThan(50)
  expect(publisherPeak).toBeLessThan(512 << 20)
  expect(peakOf(server.pid)).toBeLessThan(512 << 20)
  expect(await vend(['verify'], { cwd: directory })).toMatchObject({ code: 0 })
})

/** Of incompressible files. */
function randomTree(name: string, seed: number, files: number): string {
  const path = join(directory, name)
  const random = new Random(seed)
  mkdirSync(path)
  for (let i = 0; i < files; i++) writeFileSync(join(path, String(i)), random.bytes(200_000))
  return path
}

test('a publisher that is killed and run again sends only what is missing', async () => {
  const tree = randomTree('killed', 1, 150)
  const [bytesBefore, chunksBefore] = [await uploadedBytes(), await chunkCount()]
  await using link = await SlowLink.start({ port: server.port, ...line })
  const child = publishing(link, [`system=${tree}`, '--release', '2'])
  const ended = outcomeOf(child)
  await expect.poll(chunkCount, { timeout: 60_000, interval: 20 }).toBeGreaterThan(chunksBefore + 40)
  child.kill('SIGKILL')
  expect(await ended).toMatchObject({ signal: 'SIGKILL' })
  const [bytesKept, sentBefore] = [await uploadedBytes(), link.sentBytes]
  expect(bytesKept).toBeGreaterThan(bytesBefore)
  const again = await publish(link, [`system=${tree}`, '--release', '2'])
  expect(again).toMatchObject({ code: 0 })
  const missing = (await uploadedBytes()) - bytesKept
  expect(missing).toBeGreaterThan(1e6)
  expect(link.sentBytes - sentBefore).toBeLessThan(missing * 1.05)
  expect(await vend(['verify'], { cwd: directory })).toMatchObject({ code: 0 })
})

test('of two publishers at once one wins, and the other is told with exit code 4', async () => {
  const trees = ['left', 'right'].map((name, i) => randomTree(name, 2 + i, 5))
  const outcomes = await Promise.all(
    trees.map(async (tree) => publish(server, [`system=${tree}`, '--release', '3'])),
  )
  expect(outcomes.map(({ code }) => code).toSorted((a, b) => Number(a) - Number(b))).toEqual([0, 4])
  const repository = new Repository(store, await loadState(store))
  expect(repository.releaseVersions()).toEqual([1, 2, 3])
})

test('channels are moved and the repository is read over HTTPS, and what takes the store says so', async () => {
  const env = { VEND_TOKEN_FILE: join(directory, 'token'), VEND_CA: authority.certificate }
  const over = ['--store', `https://127.0.0.1:${server.port}`]
  const run = async (...words: readonly string[]): Promise<Outcome> =>
    vend([...words, ...over], { cwd: directory, env })
  expect(await run('channel', 'set', 'edge', '--release', '1')).toMatchObject({ code: 0 })
  expect(await run('refresh')).toMatchObject({ code: 0 })
  expect((await run('channel', 'list')).stdout).toContain('edge')
  for (const words of [['releases'], ['show', '1'], ['ls', '1'], ['channel', 'history', 'edge']]) {
    expect(await run(...words)).toMatchObject({ code: 0 })
  }
  expect(await run('verify')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('not possible over HTTPS') as string,
  })
  expect(await run('refresh', '--all')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('root.json is not possible over HTTPS') as string,
  })
})

test('a token that is missing, wrong or for something else is told of, and so is an authority that is not known', async () => {
  const tree = randomTree('small', 9, 1)
  const to = ['--to', `https://127.0.0.1:${server.port}`]
  const run = async (env: Readonly<Record<string, string>>, ...more: readonly string[]): Promise<Outcome> =>
    vend(['publish', `system=${tree}`, '--release', '9', ...to, ...more], { cwd: directory, env })
  const ca = { VEND_CA: authority.certificate }
  expect(await run(ca)).toMatchObject({
    code: 7,
    stderr: expect.stringContaining('VEND_TOKEN_FILE') as string,
  })
  const wrong = await run({ ...ca, VEND_TOKEN: `vend_${'a'.repeat(16)}_${'b'.repeat(59)}` })
  expect(wrong).toMatchObject({ code: 7, stderr: expect.stringContaining('token') as string })
  expect(wrong.stderr).not.toContain('b'.repeat(59))
  const { text } = await makeToken(store, [{ may: 'publish', modules: ['web'], channels: ['stable'] }])
  expect(await run({ ...ca, VEND_TOKEN: text }, '--channel', 'beta')).toMatchObject({
    code: 7,
    stderr: expect.stringContaining('channel beta') as string,
  })
  const unknown = await run({ VEND_TOKEN: text })
  expect(unknown).toMatchObject({ code: 7, stderr: expect.stringContaining('VEND_CA') as string })
})
