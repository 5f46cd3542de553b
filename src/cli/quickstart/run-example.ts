import { pino } from 'pino'
import type { UpdateResult } from '../../client/machine.ts'
import { publishRelease, type PublishResult } from '../../ingest/publish-release.ts'
import { startServer, type RunningServer } from '../../server/start-server.ts'
import type { CommandContext } from '../command-context.ts'
import { publishProgress } from '../publish-progress.ts'
import { ExampleMachine } from './example-machine.ts'
import { exampleLabel, type ExampleRepository } from './example-repository.ts'
import type { Example, ExampleRelease } from './example.ts'

/** One line of the table: what was done, and what it took. Undefined: it has nothing of the kind. */
export interface Step {
  readonly name: string
  readonly ms: number
  /** The release's content. */
  readonly treeBytes?: number
  /** That the repository grew by. */
  readonly storedBytes?: number
  readonly transferredBytes?: number
  readonly requests?: number
}

export interface ExampleRun {
  readonly versions: readonly [number, number]
  readonly steps: readonly Step[]
  readonly installed: UpdateResult
  readonly updated: UpdateResult
  /** Paths that are not as the release has them, other than what was changed on purpose. */
  readonly damaged: number
}

/** Publishes, serves, installs, updates, verifies and rolls back and forth. */
export async function runExample(
  context: CommandContext,
  example: Example,
  repository: ExampleRepository,
): Promise<ExampleRun> {
  const server = await serve(context, repository)
  try {
    return await new Runner(context, example, repository, server.url).run()
  } finally {
    await server.close()
  }
}

async function serve({ settings }: CommandContext, { keys }: ExampleRepository): Promise<RunningServer> {
  return startServer({
    store: settings.store,
    listen: { host: '127.0.0.1', port: 0 },
    trustedRoot: keys.trustedRoot(),
    logger: pino({ level: 'silent' }),
  })
}

class Runner {
  readonly #context: CommandContext
  readonly #example: Example
  readonly #repository: ExampleRepository
  readonly #url: string
  readonly #steps: Step[] = []

  constructor(context: CommandContext, example: Example, repository: ExampleRepository, url: string) {
    this.#context = context
    this.#example = example
    this.#repository = repository
    this.#url = url
  }

  async run(): Promise<ExampleRun> {
    const { versions, keys } = this.#repository
    const [older, newer] = versions
    const { releases, localChange } = this.#example
    const trees = [await this.#publish(older, releases[0])]
    const device = new ExampleMachine(this.#context, this.#url, keys.trustedRoot() ?? Buffer.alloc(0))
    const installed = await this.#update(device, `install release ${older}`, trees[0])
    if (localChange !== undefined) device.change(localChange)
    trees.push(await this.#publish(newer, releases[1]))
    await this.#step('check: is there an update?', async () => {
      const { bytes, requests } = await device.machine.check()
      return { measures: { transferredBytes: bytes, requests }, result: undefined }
    })
    const updated = await this.#update(device, `update to release ${newer}`, trees[1])
    const damaged = await this.#verify(device, trees[1])
    this.#rollback(device, `roll back to release ${older}`)
    this.#rollback(device, `and forward to release ${newer}`)
    device.follow(laterUrl(this.#context))
    return { versions, steps: this.#steps, installed, updated, damaged }
  }

  async #publish(version: number, { title, modules }: ExampleRelease): Promise<PublishResult> {
    const { settings, now, signal, progress } = this.#context
    progress.begin(`publishing release ${version}`)
    const bytesBefore = await this.#repositoryBytes()
    const started = performance.now()
    const result = await publishRelease(
      { version, label: exampleLabel(title), modules, channel: 'stable' },
      {
        store: settings.store,
        keys: this.#repository.keys,
        now: now(),
        sourceDateEpoch: settings.sourceDateEpoch,
        signal,
        onProgress: publishProgress(
          progress,
          modules.map(({ tree }) => ({ tree: tree.name })),
        ),
      },
    )
    const ms = performance.now() - started
    const storedBytes = (await this.#repositoryBytes()) - bytesBefore
    this.#steps.push({ name: `publish release ${version}`, ms, ...treeOf(result), storedBytes })
    return result
  }

  async #repositoryBytes(): Promise<number> {
    const { settings, signal } = this.#context
    let bytes = 0
    for await (const blob of settings.store.list('', { signal })) bytes += blob.bytes
    return bytes
  }

  async #update(
    { machine }: ExampleMachine,
    name: string,
    published: PublishResult | undefined,
  ): Promise<UpdateResult> {
    return this.#step(name, async () => {
      const result = await machine.update()
      const { bytes, requests } = result
      return { measures: { ...treeOf(published), transferredBytes: bytes, requests }, result }
    })
  }

  async #verify({ machine }: ExampleMachine, published: PublishResult | undefined): Promise<number> {
    return this.#step('verify every file', async () => {
      const { damaged } = await machine.verify({ repair: false })
      return { measures: { ...treeOf(published), transferredBytes: 0, requests: 0 }, result: damaged }
    })
  }

  #rollback({ machine }: ExampleMachine, name: string): void {
    const started = performance.now()
    machine.rollback()
    this.#steps.push({ name, ms: performance.now() - started, transferredBytes: 0, requests: 0 })
  }

  async #step<Result>(
    name: string,
    work: () => Promise<{ readonly measures: Omit<Step, 'name' | 'ms'>; readonly result: Result }>,
  ): Promise<Result> {
    const started = performance.now()
    const { measures, result } = await work()
    this.#context.signal.throwIfAborted()
    this.#steps.push({ name, ms: performance.now() - started, ...measures })
    return result
  }
}

function treeOf(published: PublishResult | undefined): Pick<Step, 'treeBytes'> {
  return published === undefined ? {} : { treeBytes: published.contentBytes }
}

/** Where `vend serve` will be, with the same settings. */
function laterUrl({ settings: { listen } }: CommandContext): string {
  const host = listen.host === '0.0.0.0' || listen.host === '::' ? '127.0.0.1' : listen.host
  return `http://${host.includes(':') ? `[${host}]` : host}:${listen.port}/`
}
