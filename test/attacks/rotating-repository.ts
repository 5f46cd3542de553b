import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publishRelease } from '../../src/ingest/publish-release.ts'
import { applyDraft } from '../../src/repository/apply-draft.ts'
import type { CommitContext } from '../../src/repository/commit.ts'
import { createRepository } from '../../src/repository/create-repository.ts'
import { fence } from '../../src/repository/fence.ts'
import { timestampKey } from '../../src/repository/layout.ts'
import { proposeKeys, type KeyChange } from '../../src/repository/propose-keys.ts'
import { loadState } from '../../src/repository/repository-state.ts'
import { signDraft } from '../../src/trust/draft.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import { roleNames } from '../../src/trust/role.ts'
import { SigningKey } from '../../src/trust/signing-key.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { FileServer } from '../support/file-server.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'

/** A repository whose publisher, the real one, takes a new key for every role, again and again. */
export class RotatingRepository implements AsyncDisposable {
  readonly server: FileServer
  readonly #directory: string
  readonly #store: FilesystemStore
  #rotations = 0

  private constructor(directory: string, store: FilesystemStore, server: FileServer) {
    this.#directory = directory
    this.#store = store
    this.server = server
  }

  static async begin(): Promise<RotatingRepository> {
    const directory = mkdtempSync(join(tmpdir(), 'vend-rotating-'))
    mkdirSync(join(directory, 'tree'))
    mkdirSync(join(directory, 'repository'))
    const store = new FilesystemStore(join(directory, 'repository'))
    const server = await FileServer.start(join(directory, 'repository'))
    const repository = new RotatingRepository(directory, store, server)
    await createRepository(repository.#context)
    return repository
  }

  get trustedRoot(): Buffer {
    return readFileSync(this.#context.keys.rootPath)
  }

  /** A directory for somebody's use. */
  scratch(name: string): string {
    const path = join(this.#directory, name)
    mkdirSync(path, { recursive: true })
    return path
  }

  async publish(version: number): Promise<void> {
    writeFileSync(join(this.#directory, 'tree/version'), String(version))
    const modules = [{ name: 'base', tree: new DirectoryTree(join(this.#directory, 'tree')), includes: [] }]
    await publishRelease({ version, modules, channel: 'stable' }, { ...this.#context, threads: 1 })
  }

  /** As a collector of garbage leaves it after so many sweeps. */
  async fence(times: number): Promise<void> {
    const { timestamp, timestampEtag } = await loadState(this.#store, { trustedRoot: this.trustedRoot })
    const bytes = Buffer.concat([timestamp.bytes, Buffer.alloc(times - 1, '\n')])
    await this.#store.replace(timestampKey, bytes, timestampEtag)
    const state = await loadState(this.#store, { trustedRoot: this.trustedRoot })
    if ((await fence(this.#store, state)) === undefined) throw new Error('somebody else was here')
  }

  /** Every role has another key, and the old ones are gone. */
  async rotate(): Promise<void> {
    const state = await loadState(this.#store, { trustedRoot: this.trustedRoot })
    const old = roleNames.flatMap((role) => this.#context.keys.keys(role))
    this.#rotations++
    for (const role of roleNames) {
      const path = join(this.#directory, 'keys', `${role}-rotated-${this.#rotations}.pem`)
      writeFileSync(path, SigningKey.generate().toPem(), { mode: 0o600 })
    }
    const context = this.#context
    const known = new Set(old.map(({ path }) => path))
    const added = roleNames.flatMap((role) => context.keys.keys(role)).filter(({ path }) => !known.has(path))
    const changes: KeyChange[] = [
      ...added.map(({ role, signer }) => ({ kind: 'add', role, key: signer.key }) as const),
      ...old.map(({ role, signer }) => ({ kind: 'remove', role, id: signer.key.keyID }) as const),
    ]
    const draft = await proposeKeys(state, changes, context)
    const signers = [...old, ...added].filter(({ role }) => role === 'root')
    for (const { signer } of [...signers, ...added.filter(({ role }) => role === 'targets')]) {
      await signDraft(draft, signer)
    }
    await applyDraft(context, draft)
    for (const { path } of old) rmSync(path)
  }

  get #context(): CommitContext {
    const keys = new KeyRing(join(this.#directory, 'keys'))
    return { store: this.#store, keys, now: new Date() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
    await this.#store[Symbol.asyncDispose]()
    rmSync(this.#directory, { recursive: true })
  }
}
