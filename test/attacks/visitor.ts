import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HttpFetcher, type FetcherOptions } from '../../src/client/http-fetcher.ts'
import { TrustedRepository } from '../../src/client/trusted-repository.ts'
import { publishRelease } from '../../src/ingest/publish-release.ts'
import { createRepository } from '../../src/repository/create-repository.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { FileServer } from '../support/file-server.ts'
import { Forge } from './forge.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'

/**
 * A repository that the real publisher made (release 1, channel `stable`), a server of its files, and the signed part
 * of a client. `renew` makes all of them as they were at first.
 */
export class Visitor implements AsyncDisposable {
  readonly server: FileServer
  readonly #scratch: string
  readonly #keys: KeyRing
  readonly #fetchers: HttpFetcher[] = []
  #visits = 0

  private constructor(scratch: string, keys: KeyRing, server: FileServer) {
    this.#scratch = scratch
    this.#keys = keys
    this.server = server
  }

  static async begin(): Promise<Visitor> {
    const scratch = mkdtempSync(join(tmpdir(), 'vend-visitor-'))
    const keys = new KeyRing(join(scratch, 'keys'))
    const [store, now] = [new FilesystemStore(join(scratch, 'made')), new Date()]
    await createRepository({ store, keys, now })
    mkdirSync(join(scratch, 'tree'))
    writeFileSync(join(scratch, 'tree/file'), 'content')
    const modules = [{ name: 'base', tree: new DirectoryTree(join(scratch, 'tree')), includes: [] }]
    await publishRelease({ version: 1, modules, channel: 'stable' }, { store, keys, now, threads: 1 })
    await store[Symbol.asyncDispose]()
    mkdirSync(join(scratch, 'served'))
    const visitor = new Visitor(scratch, keys, await FileServer.start(join(scratch, 'served')))
    visitor.renew()
    return visitor
  }

  renew(): void {
    this.server.behave()
    this.server.forget()
    rmSync(this.repository, { recursive: true })
    cpSync(join(this.#scratch, 'made'), this.repository, { recursive: true })
    this.trustOnly(readFileSync(this.#keys.rootPath))
  }

  /** What a client keeps: begins anew with nothing but a root. */
  trustOnly(root: Uint8Array): void {
    this.#visits++
    mkdirSync(this.trust)
    writeFileSync(join(this.trust, 'root.json'), root)
  }

  get trust(): string {
    return join(this.#scratch, `trust-${this.#visits}`)
  }

  get repository(): string {
    return join(this.#scratch, 'served')
  }

  forge(): Forge {
    return new Forge(this.repository, this.#keys.directory)
  }

  async refresh(options: Partial<FetcherOptions> = {}): Promise<TrustedRepository> {
    const fetcher = new HttpFetcher({
      baseUrl: this.server.url,
      sleep: async () => Promise.resolve(),
      ...options,
    })
    // What was refreshed goes on to fetch documents by it.
    this.#fetchers.push(fetcher)
    return TrustedRepository.refresh(this.trust, fetcher)
  }

  /** Of what the client keeps of a role; undefined where it keeps nothing. */
  version(role: string): number | undefined {
    return this.kept(role)?.version
  }

  kept(role: string): { readonly version: number } | undefined {
    const path = join(this.trust, `${role}.json`)
    if (!existsSync(path)) return undefined
    return (JSON.parse(readFileSync(path, 'utf8')) as { signed: { version: number } }).signed
  }

  keptBytes(role: string): Buffer {
    return readFileSync(join(this.trust, `${role}.json`))
  }

  /** The roles and versions that were asked for, without what the names have in common. */
  get asked(): string[] {
    return this.server.paths.map((path) => path.replace('tuf/metadata/', '').replace('.json', ''))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const fetcher of this.#fetchers) await fetcher[Symbol.asyncDispose]()
    await this.server[Symbol.asyncDispose]()
    rmSync(this.#scratch, { recursive: true })
  }
}
