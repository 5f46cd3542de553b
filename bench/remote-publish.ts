/**
 * Publishes a tree over HTTPS through a long line on which connections are cut, after another one that lies in the store:
 * `node bench/remote-publish.ts [--before DIR] [--tree DIR] [--cut-every BYTES] [--seed N]`. Prints Markdown. As root, for
 * root trees.
 */
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { createToken } from '../src/access/create-token.ts'
import { FilesystemStore } from '../storage/filesystem-store.ts'
import { jsonOf, outcomeOf, startVend, vend, type Outcome } from '../test/src/cli/vend-process.ts'
import { SlowLink } from '../test/support/slow-link.ts'
import { TlsAuthority } from '../test/support/tls-authority.ts'
import { markdownTable } from './markdown-table.ts'

const work = join(import.meta.dirname, 'made')
const scratch = join(work, 'remote-publish')
const delayMs = 50
const bytesPerSecond = 12.5e6
const limitedTo = 4 << 20

interface Run {
  readonly name: string
  readonly tree: string
  readonly release: string
  readonly cutEvery: number | undefined
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      before: { type: 'string', default: join(work, 'debian', 'a') },
      tree: { type: 'string', default: join(work, 'debian', 'b') },
      'cut-every': { type: 'string', default: '40000000' },
      seed: { type: 'string', default: '1' },
    },
  })
  for (const tree of [values.before, values.tree]) {
    if (!existsSync(tree))
      throw new Error(`${tree} does not exist: bench/debian-pair makes the default trees`)
  }
  rmSync(scratch, { recursive: true, force: true })
  mkdirSync(scratch, { recursive: true })
  const cutEvery = Number(values['cut-every'])
  const seed = Number(values.seed)
  try {
    const rows: [string, ...string[]][] = []
    for (const cuts of [undefined, cutEvery]) {
      rmSync(join(scratch, 'repository'), { recursive: true, force: true })
      rmSync(join(scratch, 'keys'), { recursive: true, force: true })
      await succeed('init')
      await succeed('publish', `system=${resolve(values.before)}`, '--release', '1')
      const name = cuts === undefined ? 'nothing cut' : 'cut'
      rows.push(await measure({ name, tree: resolve(values.tree), release: '2', cutEvery: cuts }, seed))
    }
    process.stdout.write(markdownTable(columns, rows))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

const columns = [
  '',
  'missing MB',
  'chunks',
  'up MB',
  'ratio',
  'uploads',
  'questions',
  'at most',
  'other requests',
  'connections',
  'cut',
  's',
  'publisher MiB',
  'server MiB',
] as const

async function measure(run: Run, seed: number): Promise<[string, ...string[]]> {
  const store = new FilesystemStore(join(scratch, 'repository'))
  const authority = new TlsAuthority(scratch, `authority-${run.name.replaceAll(' ', '-')}`)
  const token = await createToken(
    { name: 'bench', grants: [{ may: 'publish', modules: ['*'], channels: ['*'] }], lifetimeSeconds: 86_400 },
    { store, now: new Date() },
  )
  writeFileSync(join(scratch, 'token'), token.text)
  const { certificate, key } = authority.issue('server', 'IP:127.0.0.1')
  const tls = ['--tls-certificate', certificate, '--tls-key', key]
  const serving = startVend(['serve', '--listen', '127.0.0.1:0', '--publishing', 'yes', ...tls], {
    cwd: scratch,
  })
  const served = outcomeOf(serving)
  const port = await portOf(serving)
  const before = await uploadedBytes(store)
  await using link = await SlowLink.start({ port, delayMs, bytesPerSecond, seed, cutEvery: run.cutEvery })
  const env = { VEND_TOKEN_FILE: join(scratch, 'token'), VEND_CA: authority.certificate }
  const to = ['--to', `https://127.0.0.1:${link.port}`, '--json']
  const began = performance.now()
  const child = startVend(['publish', `system=${run.tree}`, '--release', run.release, ...to], {
    cwd: scratch,
    env,
  })
  let publisherPeak = 0
  const watch = setInterval(() => {
    publisherPeak = Math.max(publisherPeak, peakOf(child.pid))
  }, 100)
  const outcome = await outcomeOf(child)
  const seconds = (performance.now() - began) / 1000
  clearInterval(watch)
  if (outcome.code !== 0) throw new Error(outcome.stderr)
  const serverPeak = peakOf(serving.pid)
  serving.kill('SIGTERM')
  const { uploads, questions, others, kinds } = requestsIn(await served)
  const { newChunks } = jsonOf(outcome) as { readonly newChunks: number }
  const missing = (await uploadedBytes(store)) - before
  await succeed('verify')
  process.stderr.write(`${run.name}: other requests: ${kinds}\n`)
  return [
    run.name,
    mb(missing),
    String(newChunks),
    mb(link.sentBytes),
    (link.sentBytes / missing).toFixed(3),
    String(uploads),
    String(questions),
    Math.max(missing / limitedTo, newChunks / 500).toFixed(1),
    String(others),
    String(link.connections),
    String(link.cuts),
    seconds.toFixed(1),
    mib(publisherPeak),
    mib(serverPeak),
  ]
}

async function succeed(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await vend(args, { cwd: scratch })
  if (code !== 0) throw new Error(`vend ${args.join(' ')}: ${stderr}`)
}

async function portOf(serving: ReturnType<typeof startVend>): Promise<number> {
  for (let text = ''; ;) {
    text += String((await once(serving.stderr, 'data'))[0])
    const port = /vend: serving .* on https:\/\/127.0.0.1:(\d+)/.exec(text)?.[1]
    if (port !== undefined) return Number(port)
  }
}

/** Of chunks, manifests and sketches: what a publish uploads. */
async function uploadedBytes(store: FilesystemStore): Promise<number> {
  let bytes = 0
  for (const prefix of ['chunks/', 'manifests/', 'private/sketches/']) {
    for await (const blob of store.list(prefix)) bytes += blob.bytes
  }
  return bytes
}

interface Requests {
  readonly uploads: number
  readonly questions: number
  readonly others: number
  /** How many of each kind. */
  readonly kinds: string
}

/** By the server's log. */
function requestsIn({ stderr }: Outcome): Requests {
  const counts = new Map<string, number>()
  for (const line of stderr.split('\n')) {
    if (!line.startsWith('{')) continue
    const { method, path } = JSON.parse(line) as { readonly method?: string; readonly path?: string }
    if (method === undefined || path === undefined) continue
    const kind = `${method} ${path.replace(/^\/(v1\/[a-z]+(?:\/missing)?|[a-z]+).*/, '$1')}`
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  const [uploads = 0, questions = 0] = ['POST v1/chunks', 'POST v1/chunks/missing'].map((kind) =>
    counts.get(kind),
  )
  const others = [...counts].filter(([kind]) => !kind.startsWith('POST v1/chunks'))
  return {
    uploads,
    questions,
    others: others.reduce((sum, [, count]) => sum + count, 0),
    kinds: others.map(([kind, count]) => `${count} ${kind}`).join(', '),
  }
}

/** The most memory that a process ever had; 0 of one that has ended. */
function peakOf(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}

function mib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0)
}

await main()
