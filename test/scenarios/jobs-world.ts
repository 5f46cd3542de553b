import { execFileSync } from 'node:child_process'
import { createHash, createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Digest } from '../../manifests/digest.ts'
import type { Grant } from '../../src/access/grant.ts'
import { publishRelease } from '../../src/ingest/publish-release.ts'
import { BullQueue } from '../../src/jobs/bull-queue.ts'
import { parseQueueUrl, type RedisPlace } from '../../src/jobs/queue-url.ts'
import { createRepository } from '../../src/repository/create-repository.ts'
import { loadState } from '../../src/repository/repository-state.ts'
import { Repository } from '../../src/repository/repository.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { makeToken, type TestToken } from '../src/server/access/test-tokens.ts'
import { outcomeOf, startVend, type Outcome } from '../src/cli/vend-process.ts'
import { FrontEnd } from '../support/front-end.ts'
import { MortalRedis } from '../support/redis.ts'
import { noise } from '../support/tree-recipe.ts'

/** Snapshot and timestamp were signed so long ago that they are due. */
const signedAgoMs = 8 * 86_400_000
const pairs = 2
const bytesOfFile = 24_000_000
const collecting = { VEND_GC_GRACE: '0s', VEND_GC_QUARANTINE: '0s' }

/** A repository, a Redis to be killed, workers and front ends as processes. */
export class JobsWorld implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'vend-jobs-'))
  readonly store = new FilesystemStore(join(this.directory, 'repository'))
  readonly redis: MortalRedis
  readonly queue: BullQueue
  readonly #processes: (WorkerProcess | FrontEnd)[] = []

  private constructor(redis: MortalRedis) {
    this.redis = redis
    this.queue = new BullQueue(parseQueueUrl(this.queueUrl) as RedisPlace)
    mkdirSync(this.scratch)
  }

  /** Two releases of a module with two large files that differ throughout. */
  static async create(): Promise<JobsWorld> {
    const world = new JobsWorld(await MortalRedis.start())
    const keys = new KeyRing(world.#path('keys'))
    const now = new Date(Date.now() - signedAgoMs)
    await createRepository({ store: world.store, keys, now })
    for (const version of [1, 2]) {
      const tree = world.#path(`tree-${version}`)
      mkdirSync(tree)
      for (let i = 0; i < pairs; i++) writeFileSync(join(tree, `large-${i}`), halfNew(i, version))
      const modules = [{ name: 'base', tree: new DirectoryTree(tree), includes: [] }]
      await publishRelease({ version, modules, channel: 'stable' }, { store: world.store, keys, now })
    }
    return world
  }

  get queueUrl(): string {
    return `${this.redis.url}?lock=2s`
  }

  get scratch(): string {
    return this.#path('scratch')
  }

  /** The marker of the first who signs, and never ends. */
  get signing(): string {
    return this.#path('signing')
  }

  /** Chunks that nothing needs. */
  async litter(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const hex = createHash('sha256').update(String(i)).digest('hex')
      const path = this.#path(`repository/chunks/${hex.slice(0, 4)}`)
      mkdirSync(path, { recursive: true })
      writeFileSync(join(path, `${hex}.cacnk`), 'litter')
    }
    // Later than they were made, by the clock of the store.
    await sleep(1100)
  }

  async worker(...args: readonly string[]): Promise<WorkerProcess> {
    const worker = await WorkerProcess.start(this.directory, this.#env, args)
    this.#processes.push(worker)
    return worker
  }

  async frontEnd(): Promise<FrontEnd> {
    const frontEnd = await FrontEnd.start(this.directory, this.#env)
    this.#processes.push(frontEnd)
    return frontEnd
  }

  async token(...grants: readonly Grant[]): Promise<TestToken> {
    return makeToken(this.store, grants)
  }

  async manifest(version: number): Promise<Digest> {
    const repository = await this.repository()
    const digest = (await repository.release(version)).modules['base']?.manifest.digest
    if (digest === undefined) throw new Error(`release ${version} has no base`)
    return digest
  }

  async repository(): Promise<Repository> {
    return new Repository(this.store, await loadState(this.store))
  }

  /** The key of the timestamp is with a program that hangs the first time: whoever runs it can be killed meanwhile. */
  signSlowlyOnce(): void {
    const key = this.#path('keys/timestamp.pem')
    const moved = this.#path('timestamp-key')
    execFileSync('mv', [key, moved])
    const { x = '' } = createPublicKey(readFileSync(moved)).export({ format: 'jwk' })
    writeFileSync(this.#path('signer.mjs'), signer(moved, this.signing))
    const command = [process.execPath, this.#path('signer.mjs')]
    const signs = { command, public: Buffer.from(x, 'base64url').toString('hex') }
    writeFileSync(this.#path('keys/timestamp.signer.json'), JSON.stringify(signs))
  }

  isSigning(): boolean {
    return existsSync(this.signing)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map(async (each) => each.kill()))
    await this.queue[Symbol.asyncDispose]()
    await this.redis[Symbol.asyncDispose]()
    rmSync(this.directory, { recursive: true, force: true })
  }

  get #env(): Readonly<Record<string, string>> {
    return { VEND_QUEUE: this.queueUrl, TMPDIR: this.scratch, ...collecting }
  }

  #path(name: string): string {
    return join(this.directory, name)
  }
}

/** `vend work` as a process. */
export class WorkerProcess {
  readonly #child: ReturnType<typeof startVend>
  readonly #outcome: Promise<Outcome>
  #log = ''

  private constructor(child: ReturnType<typeof startVend>) {
    this.#child = child
    this.#outcome = outcomeOf(child)
    child.stderr.on('data', (text: string) => (this.#log += text))
  }

  static async start(
    cwd: string,
    env: Readonly<Record<string, string>>,
    args: readonly string[],
  ): Promise<WorkerProcess> {
    const worker = new WorkerProcess(startVend(['work', ...args], { cwd, env }))
    while (!worker.#log.includes('vend: working on')) await once(worker.#child.stderr, 'data')
    return worker
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** What it said of a job, or, without one, of itself: the messages. */
  said(id?: string): string[] {
    return this.#log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { readonly id?: string; readonly msg: string })
      .filter((line) => line.id === id)
      .map(({ msg }) => msg)
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#outcome
  }

  async stop(): Promise<Outcome> {
    this.#child.kill('SIGTERM')
    return this.#outcome
  }
}

/** Incompressible, and half of it as in the other release, in pieces that are no chunks. */
function halfNew(seed: number, version: number): Buffer {
  const bytes = noise(seed, bytesOfFile)
  if (version === 1) return bytes
  const other = noise(seed + 100, bytesOfFile)
  for (let at = 0; at < bytesOfFile; at += 20_000) other.copy(bytes, at, at, at + 10_000)
  return bytes
}

function signer(key: string, marker: string): string {
  return `
import { createPrivateKey, sign } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
const data = readFileSync(0)
try {
  mkdirSync(${JSON.stringify(marker)})
  setTimeout(() => undefined, 20_000)
} catch {
  process.stdout.write(sign(null, data, createPrivateKey(readFileSync(${JSON.stringify(key)}))).toString('hex'))
}
`
}
