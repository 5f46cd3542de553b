/**
 * How fast a server answers while it builds a pack of a real system that was asked for:
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
const agent = new Agent({ keepAlive: true, maxSockets: crowd, maxFreeSockets: crowd })

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
  const server = spawn(process.execPath, [launcher, 'serve', '--listen', '127.0.0.1:0', ...settings], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  try {
    const log = new ServerLog(server)
    const url = await log.url
    const chunks = await someChunks()
    const [from, to] = await Promise.all([1, 2].map(async (version) => manifestOf(url, version)))
    const pack = `${url}/packs/${to}/${from}.pack`

    progress('as it is without a build')
    const before: Latencies = new Map()
    await load(
      url,
      { rate, chunks, absent: `${url}/packs/${to}/${'1'.repeat(64)}.pack` },
      before,
      sleep(20_000),
    )

    progress(`${crowd} ask at once`)
    await Promise.all(Array.from({ length: crowd }, async () => ask(`${url}/healthz`)))
    const began = performance.now()
    const answers = await Promise.all(Array.from({ length: crowd }, async () => ask(pack)))
    const codes = new Set(answers.map(({ status, json }) => `${status} ${String(json['code'])}`))

    progress('while it is built')
    const during: Latencies = new Map()
    const built = log.line(
      (line) => line['msg'] === 'pack built' || line['msg'] === 'pack could not be built',
    )
    await load(url, { rate, chunks, absent: pack }, during, built)
    const line = await built
    const seconds = (performance.now() - began) / 1000
    if (line['msg'] !== 'pack built') throw new Error(`the build failed: ${JSON.stringify(line)}`)
    const { status, bytes } = await ask(pack)
    const starts = log.lines.filter(({ msg }) => msg === 'pack is being built').length

    const memory = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${server.pid}/status`, 'utf8'))?.[1]
    process.stdout.write(
      `${starts} build for ${crowd} who asked at once, all answered ${[...codes].join(', ')}: ` +
        `${describe(answers.map(({ ms }) => ms))}\n` +
        `It took ${seconds.toFixed(0)} s; then: ${status}, ${bytes} bytes. ` +
        `The server's memory was ${(Number(memory) / 1024).toFixed(0)} MiB at its peak.\n\n`,
    )
    const head = ['', 'requests', 'p50 ms', 'p99 ms', 'longest ms'] as const
    process.stdout.write(markdownTable(head, [...rows('idle', before), ...rows('building', during)]))
  } finally {
    agent.destroy()
    server.kill('SIGTERM')
    await once(server, 'close')
  }
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

/** What a server says on its standard error. */
class ServerLog {
  readonly lines: Record<string, unknown>[] = []
  readonly url: Promise<string>
  readonly #waiting = new Set<() => void>()

  constructor(server: ChildProcess) {
    const { promise, resolve: found, reject } = Promise.withResolvers<string>()
    this.url = promise
    server.once('close', (code) => reject(new Error(`the server ended with ${code}`)))
    let rest = ''
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const listening = /^vend: serving .* on (http:\S+)$/.exec(line)?.[1]
        if (listening !== undefined) found(listening)
        else if (line.startsWith('{') && !line.includes('"msg":"request"')) this.#add(line)
      }
    })
  }

  async line(wanted: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    for (;;) {
      const line = this.lines.find(wanted)
      if (line !== undefined) return line
      await new Promise<void>((wake) => this.#waiting.add(wake))
    }
  }

  #add(line: string): void {
    this.lines.push(JSON.parse(line) as Record<string, unknown>)
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}

function rows(state: string, latencies: Latencies): (readonly [string, ...string[]])[] {
  return [...latencies].map(([kind, all]) => {
    const [p50 = '', p99 = '', longest = ''] = figures(all)
    return [`${state}: ${kind}`, String(all.length), p50, p99, longest] as const
  })
}

function describe(all: readonly number[]): string {
  const [p50, p99, longest] = figures(all)
  return `p50 ${p50} ms, p99 ${p99} ms, longest ${longest} ms`
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
