import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRepository } from '../../src/repository/create-repository.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import { MemoryStore } from '../../storage/memory-store.ts'
import { bytesIn, keysIn } from '../support/publisher.ts'

/**
 * An empty repository with its keys: what every history begins with. While it is there, temporary files lie in its
 * directory: processes that die leave theirs.
 */
export class BaseRepository implements Disposable {
  readonly keys: KeyRing
  readonly blobs: ReadonlyMap<string, Buffer>
  readonly #directory: string
  readonly #temporary = process.env['TMPDIR']

  private constructor(directory: string, keys: KeyRing, blobs: ReadonlyMap<string, Buffer>) {
    this.#directory = directory
    process.env['TMPDIR'] = directory
    this.keys = keys
    this.blobs = blobs
  }

  static async create(): Promise<BaseRepository> {
    const directory = mkdtempSync(join(tmpdir(), 'vend-history-'))
    const keys = new KeyRing(join(directory, 'keys'))
    const store = new MemoryStore()
    await createRepository({ store, keys, now: new Date(Date.UTC(2030, 0, 1)) })
    const blobs = new Map<string, Buffer>()
    for (const key of await keysIn(store)) blobs.set(key, await bytesIn(store, key))
    return new BaseRepository(directory, keys, blobs)
  }

  [Symbol.dispose](): void {
    if (this.#temporary === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = this.#temporary
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
