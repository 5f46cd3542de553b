import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditLog, type AuditOptions, type AuditReport } from '../../src/maintenance/audit-log.ts'
import { commit, type Change } from '../../src/repository/commit.ts'
import { createRepository } from '../../src/repository/create-repository.ts'
import { logHeadOf } from '../../src/repository/repository-log.ts'
import { loadState, type RepositoryState } from '../../src/repository/repository-state.ts'
import type { LogHead } from '../../src/transparency/log-head.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { MemoryStore } from '../../storage/memory-store.ts'
import { bytesIn, keysIn } from './publisher.ts'

/** A repository in memory of documents that mean nothing: what the log is about is that they became visible. */
export class LoggedRepository implements Disposable {
  readonly directory: string
  readonly store: MemoryStore
  readonly keys: KeyRing
  readonly now = new Date()

  private constructor(directory: string, store: MemoryStore) {
    this.directory = directory
    this.store = store
    this.keys = new KeyRing(join(directory, 'keys'))
  }

  static async create(): Promise<LoggedRepository> {
    const repository = new LoggedRepository(mkdtempSync(join(tmpdir(), 'vend-log-')), new MemoryStore())
    await createRepository(repository.context())
    return repository
  }

  /** As it is now, with the same keys, in another store. It ends with this one. */
  async copy(store = new MemoryStore()): Promise<LoggedRepository> {
    for (const key of await keysIn(this.store)) await store.put(key, await bytesIn(this.store, key))
    return new LoggedRepository(this.directory, store)
  }

  context(store: BlobStore = this.store): {
    readonly store: BlobStore
    readonly keys: KeyRing
    readonly now: Date
  } {
    return { store, keys: this.keys, now: this.now }
  }

  async state(): Promise<RepositoryState> {
    return loadState(this.store, { trustedRoot: this.keys.trustedRoot() })
  }

  /** Throws where there is no log. */
  async head(): Promise<LogHead> {
    const head = logHeadOf(await this.state())
    if (head === undefined) throw new Error('the repository has no log')
    return head
  }

  /** Makes releases of these versions visible, and the channel `stable` with the content that is given. */
  async commit(
    versions: readonly number[],
    channel?: string,
    {
      store = this.store,
      state,
      change: more = {},
    }: { readonly store?: BlobStore; readonly state?: RepositoryState; readonly change?: Change } = {},
  ): Promise<void> {
    const releases = new Map(
      versions.map((version) => [`releases/${version}.json`, document({ release: version, channel })]),
    )
    const change: Change = {
      ...more,
      releases,
      ...(channel !== undefined && { channels: new Map([['channels/stable.json', document({ channel })]]) }),
    }
    await commit(this.context(store), state ?? (await this.state()), change)
  }

  async audit(options: Omit<AuditOptions, 'trustedRoot'> = {}): Promise<AuditReport> {
    return auditLog(this.store, { ...options, trustedRoot: this.keys.trustedRoot() })
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

function document(value: object): Buffer {
  return Buffer.from(JSON.stringify(value))
}
