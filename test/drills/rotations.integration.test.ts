import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Updater } from 'tuf-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Machine } from '../../src/client/machine.ts'
import { publishRelease } from '../../src/ingest/publish-release.ts'
import { applyDraft } from '../../src/repository/apply-draft.ts'
import { createRepository } from '../../src/repository/create-repository.ts'
import { proposeKeys, type KeyChange } from '../../src/repository/propose-keys.ts'
import { loadState } from '../../src/repository/repository-state.ts'
import { signDraft } from '../../src/trust/draft.ts'
import { createKeyFile } from '../../src/trust/key-file.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import type { RoleName } from '../../src/trust/role.ts'
import { SigningKey } from '../../src/trust/signing-key.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { FaultyStore } from '../support/faulty-store.ts'
import { FileServer } from '../support/file-server.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-rotations-'))
const at = (path: string): string => join(directory, path)
const store = new FilesystemStore(at('repository'))
let server: FileServer

beforeAll(async () => {
  const shares = { root: { threshold: 2, keys: 3 } }
  await createRepository({ store, keys: ring(), now: new Date() }, { shares })
  server = await FileServer.start(at('repository'))
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

function ring(): KeyRing {
  return new KeyRing(at('keys'))
}

async function publish(version: number): Promise<void> {
  mkdirSync(at('tree'), { recursive: true })
  writeFileSync(at('tree/content'), `release ${version}`)
  const modules = [{ name: 'tree', tree: new DirectoryTree(at('tree')), includes: [] }]
  const context = { store, keys: ring(), now: new Date(), threads: 1 }
  await publishRelease({ version, channel: 'stable', modules }, context)
}

/** The keys that sign now, without those of an earlier round, of which each role has the last two files at most. */
async function rotate(round: number, roles: readonly RoleName[], into: BlobStore = store): Promise<void> {
  const state = await loadState(store)
  const changes: KeyChange[] = roles.flatMap((role) => {
    const known = state.root.metadata.signed.roles[role]?.keyIDs ?? []
    const key = SigningKey.generate()
    createKeyFile(at(`keys/${role}-round${round}.pem`), key.toPem())
    const [oldest = ''] = known
    return [
      { kind: 'add', role, key: key.key },
      { kind: 'remove', role, id: oldest },
    ]
  })
  const draft = await proposeKeys(state, changes, { store, now: new Date() })
  for (const { signer } of ring().keys('root')) await signDraft(draft, signer).catch(() => undefined)
  const { isSeamless } = await applyDraft({ store: into, keys: ring(), now: new Date() }, draft)
  expect(isSeamless).toBe(true)
}

/** The unmodified client of npm's own TUF library, from the root that it was given first. */
class PlainClient {
  readonly #directory: string

  constructor(name: string) {
    this.#directory = at(name)
    mkdirSync(at(name))
    copyFileSync(at('keys/root.json'), join(at(name), 'root.json'))
  }

  async sees(path: string): Promise<boolean> {
    const updater = new Updater({
      metadataDir: this.#directory,
      metadataBaseUrl: `${server.url.replace(/\/$/, '')}/tuf/metadata`,
      targetBaseUrl: `${server.url.replace(/\/$/, '')}/tuf/targets`,
    })
    await updater.refresh()
    return (await updater.getTargetInfo(path)) !== undefined
  }

  get rootVersion(): number {
    const root = JSON.parse(readFileSync(join(this.#directory, 'root.json'), 'utf8')) as {
      signed: { version: number }
    }
    return root.signed.version
  }
}

function newMachine(name: string): Machine {
  Machine.create({
    directory: at(name),
    url: server.url,
    trustedRoot: readFileSync(at('keys/root.json')),
    channel: 'stable',
    modules: 'all',
  })
  return new Machine(at(name))
}

test('ten times other root and online keys: our client and tuf-js follow, those that slept too', async () => {
  const [follower, sleeper] = [newMachine('follower'), newMachine('sleeper')]
  const [plain, plainSleeper] = [new PlainClient('plain'), new PlainClient('plain-sleeper')]
  await publish(1)
  await follower.update()
  await sleeper.update()
  await plainSleeper.sees('releases/1.json')
  for (let round = 1; round <= 10; round++) {
    await rotate(round, ['root', 'snapshot', 'timestamp'])
    await publish(round + 1)
    await follower.update()
    expect(readFileSync(at('follower/root/content'), 'utf8')).toBe(`release ${round + 1}`)
    expect(await plain.sees(`releases/${round + 1}.json`)).toBe(true)
    expect(plain.rootVersion).toBe(round + 1)
  }
  await sleeper.update()
  expect(readFileSync(at('sleeper/root/content'), 'utf8')).toBe('release 11')
  expect(await plainSleeper.sees('releases/11.json')).toBe(true)
  expect(plainSleeper.rootVersion).toBe(11)
})

test('machines read the repository between any two writes of a rotation', async () => {
  await publish(20)
  const asking = new PlainClient('asking')
  const seen: boolean[] = []
  const watched = new FaultyStore(store, {
    onWrite: async ({ moment }) => {
      if (moment !== 'after') return
      const fresh = new PlainClient(`fresh-${seen.length}`)
      seen.push(await asking.sees('releases/20.json'), await fresh.sees('releases/20.json'))
    },
  })
  await rotate(21, ['root', 'snapshot', 'timestamp'], watched)
  expect(seen.length).toBeGreaterThanOrEqual(6)
  expect(new Set(seen)).toEqual(new Set([true]))
})
