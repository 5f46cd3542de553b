import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { BlobStore } from '../../../storage/blob-store.ts'
import { publishRelease, type ModuleSource } from '../../../src/ingest/publish-release.ts'
import { createRepository } from '../../../src/repository/create-repository.ts'
import { KeyRing } from '../../../src/trust/key-ring.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'

/** Files by module and path: text, bytes, or a symbolic link. Paths may be bytes. */
export type Trees = Readonly<
  Record<string, readonly (readonly [path: string | Buffer, content: string | Buffer])[]>
>

/** A small repository in a store, and the means to publish more to it. */
export class PublishedRepository implements AsyncDisposable {
  readonly store: BlobStore
  readonly keys: KeyRing
  readonly #directory: string

  private constructor(store: BlobStore, directory: string) {
    this.store = store
    this.#directory = directory
    this.keys = new KeyRing(join(directory, 'keys'))
  }

  static async create(store: BlobStore): Promise<PublishedRepository> {
    const repository = new PublishedRepository(store, await mkdtemp(join(tmpdir(), 'vend-server-')))
    repository.keys.generateMissing()
    await createRepository({ store, keys: repository.keys, now: new Date() })
    return repository
  }

  async publish(version: number, trees: Trees, channel = 'stable'): Promise<void> {
    const modules: ModuleSource[] = []
    for (const [name, files] of Object.entries(trees)) {
      const tree = join(this.#directory, String(version), name)
      await mkdir(tree, { recursive: true })
      for (const [path, content] of files) await writeAt(tree, path, content)
      modules.push({ name, tree: new DirectoryTree(tree), includes: [] })
    }
    // Nothing differs that the trees do not say.
    const context = { store: this.store, keys: this.keys, now: new Date(), sourceDateEpoch: 1_000_000_000 }
    await publishRelease(
      { version, modules, channel, label: `Release ${version}` },
      { ...context, threads: 1 },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }
}

async function writeAt(tree: string, path: string | Buffer, content: string | Buffer): Promise<void> {
  const full = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(path)])
  await mkdir(dirname(full.toString('latin1')), { recursive: true })
  if (typeof content === 'string' && content.startsWith('-> ')) await symlink(content.slice(3), full)
  else await writeFile(full, content)
}

/** Every key of a store that begins with a prefix. */
export async function keysOf(store: BlobStore, prefix: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix)) keys.push(key)
  return keys
}

export async function bytesOf(store: BlobStore, key: string): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of (await store.get(key)).stream) pieces.push(piece as Uint8Array)
  return Buffer.concat(pieces)
}
