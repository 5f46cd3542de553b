/**
 * How fast a server answers a crowd that asks at once for a pack of a real system, and others while it builds it:
 * `node bench/on-demand.ts [--old DIR] [--new DIR] [--rate N]`. Prints Markdown.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { Agent, get, type IncomingMessage } from 'node:http'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Crowd } from './crowd.ts'
import { markdownTable } from './markdown-table.ts'
import { run } from './measure.ts'

interface Answer {
  readonly status: number
  readonly bytes: number
  readonly ms: number
  readonly json: Readonly<Record<string, unknown>>
}

/** Milliseconds by what was asked for. */
type Latencies = Map<string, number[]>

const work = join(import.meta.dirname, 'made')
const scratch = join(work, 'on-demand')
const launcher = join(import.meta.dirname, '../src/cli/vend.mjs')
const settings = ['--store', `file://${scratch}/repository`, '--keys', join(scratch, 'keys')]
const crowd = 500
const rounds = 5
const agent = new Agent({ keepAlive: true })

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      old: { type: 'string', default: join(work, 'debian', 'a') },
      new: { type: 'string', default: join(work, 'debian', 'b') },
      rate: { type: 'string', default: '50' },
    },
  })
  const trees = [values.old, values.new].map((tree) => resolve(tree))
  for (const tree of trees) {
    if (!existsSync(tree))
      throw new Error(`${tree} does not exist: bench/debian-pair makes the default trees`)
  }
  await rm(scratch, { recursive: true, force: true })
  await mkdir(scratch, { recursive: true })
  try {
    await publish(trees)
    await bench(Number(values.rate))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function publish(trees: readonly string[]): Promise<void> {
  await vend('init')
  for (const [i, tree] of trees.entries()) {
    progress(`publishing ${tree}`)
    await vend('publish', `system=${tree}`, '--release', String(i + 1))
  }
}

async function vend(...words: readonly string[]): Promise<void> {
  await run({ argv: [process.execPath, launcher, ...words, ...settings] })
}

async function bench(rate: number): Promise<void> {
  const idle: Latencies = new Map()
  const during: Latencies = new Map()
  const crowds: CrowdRow[] = []
  const chunks = await someChunks()
  for (let round = 1; round <= rounds; round++) {
    progress(`round ${round} of ${rounds}`)
    await using server = await Server.start()
    const { url } = server
    const [from, to] = await Promise.all([1, 2].map(async (version) => manifestOf(url, version)))
    const absent = `${url}/packs/${to}/${'1'.repeat(64)}.pack`
    await load(url, { rate, chunks, absent }, idle, sleep(20_000))

    const pack = `/packs/${to}/${from}.pack`
    const began = performance.now()
    crowds.push(...(await crowdRound(round, url, pack)))
    checkOneBuild(server)
    if (round < rounds) continue

    progress('while it is built')
    const built = server.line(({ msg }) => msg === 'pack built' || msg === 'pack could not be built')
    await load(url, { rate, chunks, absent: url + pack }, during, built)
    const line = await built
    const seconds = (performance.now() - began) / 1000
    if (line['msg'] !== 'pack built') throw new Error(`the build failed: ${JSON.stringify(line)}`)
    const { status, bytes } = await ask(url + pack)
    process.stdout.write(
      `The pack took ${seconds.toFixed(0)} s; then: ${status}, ${bytes} bytes. ` +
        `The server's memory was ${await server.peakMemory()} MiB at its peak.\n\n`,
    )
  }
  process.stdout.write(
    `${crowd} clients ask at once for one pack that is not there, ${rounds} times, each time of another server ` +
      `process. One build each time.\n\n`,
  )
  const head = ['', 'p50 ms', 'p99 ms', 'longest ms', 'all answered after ms'] as const
  process.stdout.write(`${markdownTable(head, crowds)}\n`)
  const loadHead = ['', 'requests', 'p50 ms', 'p99 ms', 'longest ms'] as const
  process.stdout.write(markdownTable(loadHead, [...rows('idle', idle), ...rows('building', during)]))
}

type CrowdRow = readonly [what: string, ...figures: string[]]

/**
 * Those who find it missing and have it built, by connections that served a request before, as those of a cache in
 * front or of a machine in the midst of an update are; then, while it is built, again by these, and by new ones.
 */
async function crowdRound(round: number, url: string, pack: string): Promise<CrowdRow[]> {
  await using asking = new Crowd(url, crowd)
  await asking.ask('/healthz')
  await asking.ask('/healthz', { anew: true })
  const found: CrowdRow[] = []
  for (const [what, anew] of [
    ['the build begins', false],
    ['a second later', false],
    ['two seconds later, connecting anew', true],
  ] as const) {
    const { answers, ms } = await asking.ask(pack, { anew })
    const others = answers.filter(({ status, code }) => status !== 404 || code !== 'PACK_BEING_BUILT')
    if (others.length > 0)
      throw new Error(`${others.length} were told otherwise: ${JSON.stringify(others[0])}`)
    found.push([`round ${round}: ${what}`, ...figures(answers.map((answer) => answer.ms)), ms.toFixed(1)])
    await sleep(1000)
  }
  return found
}

const absentKind = 'a pack that is not there'

/** Asks at an even rate, whatever becomes of earlier requests, until `ended` resolves or the pack is there. */
async function load(
  url: string,
  targets: { readonly rate: number; readonly chunks: readonly string[]; readonly absent: string },
  latencies: Latencies,
  ended: Promise<unknown>,
): Promise<void> {
  const kinds: readonly (readonly [kind: string, url: (i: number) => string])[] = [
    [absentKind, () => targets.absent],
    ['a chunk', (i) => `${url}/${targets.chunks[i % targets.chunks.length]}`],
    ['the timestamp', () => `${url}/tuf/metadata/timestamp.json`],
    ['a release', () => `${url}/v1/releases/2`],
  ]
  const running: Promise<void>[] = []
  const over = new AbortController()
  void ended.finally(() => over.abort())
  const began = performance.now()
  for (let i = 0; !over.signal.aborted; i++) {
    const [kind, urlOf] = kinds[i % kinds.length] ?? ['', () => '']
    running.push(
      (async () => {
        const { ms, status } = await ask(urlOf(i))
        if (kind === absentKind && status === 200) over.abort()
        else note(latencies, kind, ms)
      })(),
    )
    await sleep(Math.max(0, began + ((i + 1) * 1000) / targets.rate - performance.now()))
  }
  await Promise.all(running)
}

function note(latencies: Latencies, kind: string, ms: number): void {
  const known = latencies.get(kind)
  if (known === undefined) latencies.set(kind, [ms])
  else known.push(ms)
}

async function ask(url: string): Promise<Answer> {
  const began = performance.now()
  const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage]
  const body = Buffer.concat((await response.toArray()) as Uint8Array[])
  const ms = performance.now() - began
  const isJson = String(response.headers['content-type']).includes('json')
  const json = isJson ? (JSON.parse(body.toString()) as Answer['json']) : {}
  return { status: response.statusCode ?? 0, bytes: body.length, ms, json }
}

async function manifestOf(url: string, version: number): Promise<string> {
  const { json } = await ask(`${url}/v1/releases/${version}/modules/system`)
  return (json['manifest'] as { digest: string }).digest.slice('sha256:'.length)
}

async function someChunks(): Promise<string[]> {
  const names = await readdir(join(scratch, 'repository', 'chunks'), { recursive: true })
  return names.filter((name) => name.endsWith('.cacnk')).map((name) => `chunks/${name}`)
}

/** `vend serve` in a process of its own, and what it says on its standard error. */
class Server implements AsyncDisposable {
  readonly lines: Record<string, unknown>[] = []
  readonly #process: ChildProcess
  readonly #waiting = new Set<() => void>()

  static async start(): Promise<Server> {
    const server = new Server()
    const { promise: ended, reject } = Promise.withResolvers<never>()
    server.#process.once('close', (code) => reject(new Error(`the server ended with ${code}`)))
    await Promise.race([server.line(({ msg }) => msg === 'listening'), ended])
    ended.catch(() => undefined)
    return server
  }

  private constructor() {
    this.#process = spawn(process.execPath, [launcher, 'serve', '--listen', '127.0.0.1:0', ...settings], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let rest = ''
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        if (line.startsWith('{') && !line.includes('"msg":"request"')) this.#add(line)
      }
    })
  }

  get url(): string {
    return String(this.lines.find(({ msg }) => msg === 'listening')?.['url'])
  }

  async line(wanted: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    for (;;) {
      const line = this.lines.find(wanted)
      if (line !== undefined) return line
      await new Promise<void>((wake) => this.#waiting.add(wake))
    }
  }

  /** MiB. */
  async peakMemory(): Promise<string> {
    const status = await readFile(`/proc/${this.#process.pid}/status`, 'utf8')
    return (Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024).toFixed(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    agent.destroy()
    if (this.#process.exitCode !== null) return
    this.#process.kill('SIGTERM')
    await once(this.#process, 'close')
  }

  #add(line: string): void {
    this.lines.push(JSON.parse(line) as Record<string, unknown>)
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}

function checkOneBuild({ lines }: Server): void {
  const builds = lines.filter(({ msg }) => msg === 'pack is being built').length
  if (builds !== 1) throw new Error(`${builds} builds were begun, not 1`)
}

function rows(state: string, latencies: Latencies): (readonly [string, ...string[]])[] {
  return [...latencies].map(([kind, all]) => {
    const [p50 = '', p99 = '', longest = ''] = figures(all)
    return [`${state}: ${kind}`, String(all.length), p50, p99, longest] as const
  })
}

function figures(all: readonly number[]): string[] {
  const sorted = all.toSorted((a, b) => a - b)
  return [0.5, 0.99, 1].map((share) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1),
  )
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}

await main()
