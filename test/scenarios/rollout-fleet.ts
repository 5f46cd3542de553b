import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { expect } from 'vitest'
import { digestOf } from '../../manifests/digest.ts'
import { openRolloutHash } from '../../src/client/rollout-bucket.ts'
import { startServer, type RunningServer } from '../../src/server/start-server.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { clientHere, vendHere, type HereOutcome } from '../src/cli/vend-here.ts'

/** A repository, its server and machines, each worked by its command line alone. */
export class RolloutFleet implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'vend-rollout-'))
  readonly #store = new FilesystemStore(this.repository)
  #server: RunningServer | undefined
  #port = 0
  #machines = 0

  static async create(): Promise<RolloutFleet> {
    const fleet = new RolloutFleet()
    await fleet.vend('init')
    await fleet.open()
    return fleet
  }

  get repository(): string {
    return join(this.directory, 'repository')
  }

  /** Where the server is, whenever it is open. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  async open(): Promise<void> {
    const listen = { host: '127.0.0.1', port: this.#port }
    this.#server = await startServer({ store: this.#store, listen, logger: pino({ level: 'silent' }) })
    this.#port = Number(new URL(this.#server.url).port)
  }

  async close(): Promise<void> {
    await this.#server?.close()
  }

  /** The JSON answer of a command that ends well. */
  async vend(...args: readonly string[]): Promise<unknown> {
    const outcome = await this.tryVend(...args)
    expect(outcome, outcome.stderr).toMatchObject({ code: 0 })
    return JSON.parse(outcome.stdout) as unknown
  }

  async tryVend(...args: readonly string[]): Promise<HereOutcome> {
    return vendHere([...args, '--json'], this.#env)
  }

  /** What a person reads. */
  async text(...args: readonly string[]): Promise<string> {
    const outcome = await vendHere(args, this.#env)
    expect(outcome, outcome.stderr).toMatchObject({ code: 0 })
    return outcome.stdout
  }

  /** Publishes a release in which one file tells its version. */
  async publish(version: number, ...options: readonly string[]): Promise<void> {
    const tree = join(this.directory, 'tree')
    mkdirSync(tree, { recursive: true })
    writeFileSync(join(tree, 'version'), String(version))
    await this.vend('publish', tree, '--release', String(version), ...options)
  }

  /** A machine without a release whose place in the rollout of release `of` is within `buckets`. */
  async machine(
    { of, buckets }: { readonly of: number; readonly buckets: readonly [from: number, to: number] },
    url = this.url,
  ): Promise<FleetMachine> {
    const directory = join(this.directory, `machine-${++this.#machines}`)
    const machine = new FleetMachine(directory)
    const root = readFileSync(join(this.directory, 'keys', 'root.json'))
    await machine.run(0, 'init', url, '--trust', digestOf(root))
    const path = join(directory, 'machine.json')
    const settings = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    const machineId = await idWithin(String(of), buckets)
    writeFileSync(path, JSON.stringify({ ...settings, machineId }))
    return machine
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
    await this.#store[Symbol.asyncDispose]()
    rmSync(this.directory, { recursive: true, force: true })
  }

  get #env(): Record<string, string> {
    return { VEND_STORE: `file:${this.repository}`, VEND_KEYS: join(this.directory, 'keys') }
  }
}

export interface Rule {
  readonly name: string
  readonly holds: boolean
  readonly says: string
}

export interface Check {
  readonly release: number
  readonly rollback: boolean
  readonly freshUntil: string
  readonly rules: readonly Rule[]
}

export class FleetMachine {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  /** What the file in its root tells; undefined before the first install. */
  get release(): number | undefined {
    try {
      return Number(readFileSync(join(this.directory, 'root', 'version'), 'utf8'))
    } catch {
      return undefined
    }
  }

  async run(code: number, ...args: readonly string[]): Promise<string> {
    const outcome = await clientHere(args, { VEND_MACHINE: this.directory })
    expect(outcome.code, outcome.stdout + outcome.stderr).toBe(code)
    return outcome.stdout + outcome.stderr
  }

  /** Ends with `code`. */
  async check(code: number): Promise<Check> {
    return JSON.parse(await this.run(code, 'check', '--json')) as Check
  }

  /** The release that it has afterwards. */
  async update(): Promise<number | undefined> {
    await this.run(0, 'update')
    return this.release
  }
}

async function idWithin(seed: string, [from, to]: readonly [number, number]): Promise<string> {
  const hash = await openRolloutHash()
  for (let i = 0; ; i++) {
    const id = i.toString(16).padStart(32, '0')
    const bucket = hash(seed, id)
    if (bucket >= from && bucket < to) return id
  }
}
