import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { EdgeMachine } from '../support/edge-machine.ts'
import { FrontEnd } from '../support/front-end.ts'
import { noise } from '../support/tree-recipe.ts'
import { keysOf, PublishedRepository } from '../src/server/published-repository.ts'

/** A repository in a directory, and three front ends on it, for whatever is to stand before them. */
export class EdgeWorld implements AsyncDisposable {
  readonly directory: string
  readonly store: FilesystemStore
  readonly repository: PublishedRepository
  readonly frontEnds: readonly FrontEnd[]
  #machines = 0

  private constructor(
    directory: string,
    parts: { store: FilesystemStore; repository: PublishedRepository; frontEnds: readonly FrontEnd[] },
  ) {
    this.directory = directory
    this.store = parts.store
    this.repository = parts.repository
    this.frontEnds = parts.frontEnds
  }

  static async create(): Promise<EdgeWorld> {
    const directory = await mkdtemp(join(tmpdir(), 'vend-edge-'))
    const store = new FilesystemStore(join(directory, 'repository'))
    const repository = await PublishedRepository.create(store)
    const env = {
      VEND_STORE: `file:${join(directory, 'repository')}`,
      VEND_TRUST_PROXY: 'loopback',
      VEND_PACKS_ON_DEMAND: 'no',
    }
    const frontEnds = await Promise.all([1, 2, 3].map(async () => FrontEnd.start(directory, env)))
    return new EdgeWorld(directory, { store, repository, frontEnds })
  }

  /** A release with a file `version` that says which it is, and one that fills some chunks. */
  async publish(version: number): Promise<void> {
    await this.repository.publish(version, {
      base: [['etc/version', String(version)]],
      data: [['noise', this.noise(version)]],
    })
  }

  noise(version: number): Buffer {
    return noise(version, 700_000)
  }

  machine(url: string): EdgeMachine {
    const directory = join(this.directory, `machine-${++this.#machines}`)
    return new EdgeMachine(directory, url, this.repository.keys.trustedRoot())
  }

  /** Of all of the chunks, the longest. */
  async largestChunk(): Promise<string> {
    let [largest, bytes] = ['', 0]
    for (const key of await keysOf(this.store, 'chunks/')) {
      const info = await this.store.stat(key)
      if (info !== undefined && info.bytes > bytes) [largest, bytes] = [key, info.bytes]
    }
    return largest
  }

  /** How often all front ends together were asked for a key. */
  asked(key: string): number {
    const paths = this.frontEnds.flatMap((frontEnd) => frontEnd.requests().map(({ path }) => path))
    return paths.filter((path) => path === `/${key}`).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.frontEnds.map(async (frontEnd) => frontEnd[Symbol.asyncDispose]()))
    await this.repository[Symbol.asyncDispose]()
    await this.store[Symbol.asyncDispose]()
    await rm(this.directory, { recursive: true, force: true })
  }
}
