import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Machine,
  type MachineOptions,
  type UpdateResult,
  type VerifyResult,
} from '../../src/client/machine.ts'
import {
  publishRelease,
  type PublishContext,
  type PublishRequest,
  type PublishResult,
} from '../../src/ingest/publish-release.ts'
import type { ModuleTraits } from '../../manifests/release.ts'
import { imageTraits, ImageTree } from '../../src/sources/image-tree.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'
import { createRepository } from '../../src/repository/create-repository.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { FileServer } from './file-server.ts'
import { differencesBetween, expectSameTree } from './judge.ts'
import { TreeRecipe } from './tree-recipe.ts'

export type ModuleRecipe =
  | ((tree: TreeRecipe) => unknown)
  | {
      readonly includes?: readonly string[]
      readonly tree?: (tree: TreeRecipe) => unknown
      /** Instead of a tree: the bytes of an image module. */
      readonly image?: Uint8Array
      readonly traits?: ModuleTraits
    }

export interface ReleaseOptions extends Partial<Omit<PublishRequest, 'version' | 'modules'>> {
  readonly context?: Partial<PublishContext>
}

/**
 * A repository, the trees that were published to it, a server and machines, in one directory:
 *
 *     await using world = await Scenario.create()
 *     await world.release(10, { base: (tree) => tree.file('etc/a', 'a') })
 *     const device = await world.machine()
 *     await device.update()
 *     device.expectRelease(10)
 *
 * A module begins as a copy of itself in the release before; one that is not named is gone, and `keep` keeps it.
 */
export class Scenario implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'vend-scenario-'))
  readonly store: FilesystemStore
  readonly keys: KeyRing
  readonly #modules = new Map<number, readonly string[]>()
  #server: FileServer | undefined
  #machines = 0
  #latest: number | undefined

  private constructor() {
    this.store = new FilesystemStore(this.repository)
    this.keys = new KeyRing(join(this.directory, 'keys'))
  }

  static async create(): Promise<Scenario> {
    const scenario = new Scenario()
    await createRepository({ store: scenario.store, keys: scenario.keys, now: new Date() })
    return scenario
  }

  get repository(): string {
    return join(this.directory, 'repository')
  }

  get trustedRoot(): Buffer {
    return readFileSync(this.keys.rootPath)
  }

  /** The source tree of a module in a release. */
  tree(version: number, module: string): string {
    return join(this.directory, 'trees', String(version), module)
  }

  async release(
    version: number,
    recipes: Readonly<Record<string, ModuleRecipe>>,
    options: ReleaseOptions = {},
  ): Promise<PublishResult> {
    const { context, ...request } = options
    const modules = Object.entries(recipes).map(([name, recipe]) => {
      const {
        includes = [],
        tree: build = keep,
        image,
        traits,
      } = typeof recipe === 'function' ? { tree: recipe } : recipe
      if (image !== undefined) {
        const tree = new ImageTree(this.#draw(version, name, image))
        return { name, includes, tree, traits: { ...imageTraits, ...traits } }
      }
      const tree = new DirectoryTree(this.#grow(version, name, build))
      return { name, includes, tree, traits }
    })
    this.#modules.set(
      version,
      modules.flatMap(({ name, traits }) => (traits?.kind === 'image' ? [] : [name])),
    )
    this.#latest = version
    return publishRelease(
      { channel: 'stable', ...request, version, modules },
      { store: this.store, keys: this.keys, now: new Date(), threads: 2, ...context },
    )
  }

  /** Begins to serve the repository's directory; afterwards the same server. */
  async serve(): Promise<FileServer> {
    this.#server ??= await FileServer.start(this.repository)
    return this.#server
  }

  /** A new machine that follows the channel `stable`. */
  async machine(options: Partial<Parameters<typeof Machine.create>[0]> = {}): Promise<Device> {
    const directory = options.directory ?? join(this.directory, `machine-${++this.#machines}`)
    const { url } = await this.serve()
    Machine.create({
      directory,
      url,
      trustedRoot: this.trustedRoot,
      channel: 'stable',
      modules: 'all',
      ...options,
    })
    return new Device(this, directory)
  }

  /** A copy of a machine as it is now. */
  copyOf(device: Device): Device {
    const directory = join(this.directory, `machine-${++this.#machines}`)
    execFileSync('cp', ['-a', device.directory, directory])
    return new Device(this, directory)
  }

  /** Removes a machine that is needed no more. */
  forget(device: Device): void {
    execFileSync('rm', ['-rf', device.directory])
  }

  /** What a root with these modules of a release (by default all) is to be like. */
  expected(version: number, modules: readonly string[] = this.#modules.get(version) ?? []): string {
    const sorted = [...modules].sort()
    const path = join(this.directory, 'expected', `${version}-${sorted.join('+')}`)
    if (existsSync(path)) return path
    mkdirSync(path, { recursive: true })
    // A directory of several modules is that of the first of them.
    for (const name of sorted.toReversed()) execFileSync('cp', ['-a', `${this.tree(version, name)}/.`, path])
    return path
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]()
    await this.store[Symbol.asyncDispose]()
    execFileSync('rm', ['-rf', this.directory])
  }

  #draw(version: number, module: string, bytes: Uint8Array): string {
    const path = this.tree(version, module)
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, bytes)
    return path
  }

  #grow(version: number, module: string, build: (tree: TreeRecipe) => unknown): string {
    const path = this.tree(version, module)
    const before = this.#latest === undefined ? undefined : this.tree(this.#latest, module)
    if (before !== undefined && existsSync(before)) {
      mkdirSync(join(path, '..'), { recursive: true })
      execFileSync('cp', ['-a', before, path])
    }
    const tree = new TreeRecipe(path)
    build(tree)
    tree.finish()
    return path
  }
}

/** For a module that stays as it is. */
export function keep(): void {
  // The copy of the release before is all there is to it.
}

export class Device {
  readonly directory: string
  readonly #scenario: Scenario

  constructor(scenario: Scenario, directory: string) {
    this.#scenario = scenario
    this.directory = directory
  }

  /** The active root, as the machine sees it. */
  get root(): string {
    return join(this.directory, 'root')
  }

  open(options: MachineOptions = {}): Machine {
    return new Machine(this.directory, options)
  }

  async update(options: MachineOptions = {}): Promise<UpdateResult> {
    return this.open(options).update()
  }

  async verify(repair = false): Promise<VerifyResult> {
    return this.open().verify({ repair })
  }

  expectRelease(version: number, modules?: readonly string[]): void {
    expectSameTree(this.#scenario.expected(version, modules), this.root)
  }

  isRelease(version: number): boolean {
    return (
      existsSync(this.root) && differencesBetween(this.#scenario.expected(version), this.root).length === 0
    )
  }
}
