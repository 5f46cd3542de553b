import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { HttpFetcher } from '../../../src/client/http-fetcher.ts'
import { TrustedRepository } from '../../../src/client/trusted-repository.ts'
import { commit } from '../../../src/repository/commit.ts'
import { createRepository } from '../../../src/repository/create-repository.ts'
import { refreshExpiry } from '../../../src/repository/refresh.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import { setChannel } from '../../../src/repository/set-channel.ts'
import { publishRelease } from '../../../src/ingest/publish-release.ts'
import { KeyRing } from '../../../src/trust/key-ring.ts'
import { FilesystemStore } from '../../../storage/filesystem-store.ts'
import { dropCarriedDocuments } from '../../support/plain-documents.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'

const scratch = mkdtempSync(join(tmpdir(), 'vend-trusted-'))
const at = (name: string): string => join(scratch, name)
const keys = new KeyRing(at('keys'))
const store = new FilesystemStore(at('new'))

/** Reads files below a directory; `answer` may put others in their place. */
let served = at('new')
let answer: (path: string, bytes: Buffer | undefined) => Buffer | undefined = (_, bytes) => bytes
const asked: string[] = []

const fetcher = {
  url: (path: string) => `http://repository.test/${path}`,
  fetch: async (path: string, { maxBytes }: { maxBytes: number }) => {
    const key = path.replace('http://repository.test/', '')
    asked.push(key)
    const bytes = answer(key, readIfThere(join(served, key)))
    if (bytes !== undefined && bytes.length > maxBytes) throw new Error(`more than ${maxBytes} bytes`)
    return bytes
  },
  fetchChecked: async (path: string, options: { maxBytes: number }, read: (bytes: Buffer) => Buffer) => {
    const bytes = await fetcher.fetch(path, options)
    return bytes === undefined ? undefined : read(bytes)
  },
  overMirrors: async (work: (mirror: HttpFetcher) => Promise<TrustedRepository>) => work(fetcher),
  otherMirrors: [],
} as unknown as HttpFetcher

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}

let trust: string
let made = 0

function newTrust(root: Uint8Array = readFileSync(keys.rootPath)): string {
  const directory = mkdtempSync(at(`trust-${++made}-`))
  writeFileSync(join(directory, 'root.json'), root)
  return directory
}

async function refresh(): Promise<TrustedRepository> {
  return TrustedRepository.refresh(trust, fetcher)
}

function contentOf(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]),
  )
}

beforeAll(async () => {
  const now = new Date()
  await createRepository({ store, keys, now })
  const publish = async (version: number): Promise<void> => {
    const modules = [{ name: 'base', tree: new DirectoryTree(at('keys')), includes: [] }]
    await publishRelease({ version, modules, channel: 'stable' }, { store, keys, now, threads: 1 })
  }
  await publish(1)
  cpSync(at('new'), at('old'), { recursive: true })
  await publish(2)
  await setChannel({ channel: 'beta', version: 1 }, { store, keys, now })
  cpSync(at('new'), at('plain'), { recursive: true })
  await dropCarriedDocuments({ store: new FilesystemStore(at('plain')), keys, now })
})
beforeEach(() => {
  trust = newTrust()
  served = at('new')
  answer = (_, bytes) => bytes
  asked.length = 0
})
afterAll(() => rmSync(scratch, { recursive: true }))

test('reads channels and releases, and knows what is not there', async () => {
  const repository = await refresh()
  expect(await repository.channel('stable')).toMatchObject({ version: 2, previous: 1 })
  expect(await repository.channel('beta')).toMatchObject({ version: 1 })
  expect(await repository.channel('nightly')).toBeUndefined()
  expect(await repository.release(1)).toMatchObject({ version: 1 })
  expect(await repository.release(3)).toBeUndefined()
})

test('keeps what it has verified, and asks for nothing twice', async () => {
  await refresh()
  expect(readdirSync(trust).sort()).toEqual([
    'channels.json',
    'log-heads',
    'releases.json',
    'root.json',
    'snapshot.json',
    'targets.json',
    'timestamp.json',
  ])
  asked.length = 0
  await refresh()
  expect(asked).toEqual(['tuf/metadata/2.root.json', 'tuf/metadata/timestamp.json'])
})

const roles = ['timestamp', 'snapshot', 'targets', 'releases', 'channels']

test.each(
  roles.flatMap((role) => [
    [
      role,
      'a flipped bit',
      (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === bytes.length >> 1 ? byte ^ 2 : byte))),
    ] as const,
    [role, 'its end cut off', (bytes: Buffer) => bytes.subarray(0, -1)] as const,
    [role, 'nothing in it', () => Buffer.alloc(0)] as const,
    [
      role,
      'another signature',
      (bytes: Buffer) =>
        Buffer.from(
          bytes.toString().replace(/"sig":"(.)/, (_, digit) => `"sig":"${digit === '0' ? '1' : '0'}`),
        ),
    ] as const,
    [
      role,
      'another version',
      (bytes: Buffer) => Buffer.from(bytes.toString().replace(/"version":\d/, '"version":9')),
    ] as const,
  ]),
)('%s.json with %s is refused, and nothing of it is kept', async (role, _, damage) => {
  answer = (path, bytes) => (path.endsWith(`${role}.json`) && bytes !== undefined ? damage(bytes) : bytes)
  await expect(refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
  expect(readdirSync(trust)).toEqual(['root.json'])
  answer = (_path, bytes) => bytes
  expect(await (await refresh()).channel('stable')).toMatchObject({ version: 2 })
})

test.each(['snapshot', 'targets', 'releases', 'channels'])(
  'a missing %s.json is not called untrusted',
  async (role) => {
    answer = (path, bytes) => (path.endsWith(`.${role}.json`) ? undefined : bytes)
    await expect(refresh()).rejects.toMatchObject({ code: 'SERVER_REFUSED' })
  },
)

test('documents that the metadata carries are not asked for', async () => {
  const repository = await refresh()
  asked.length = 0
  expect(await repository.channel('stable')).toMatchObject({ version: 2 })
  expect(await repository.channel('beta')).toMatchObject({ version: 1 })
  expect(await repository.release(2)).toMatchObject({ version: 2 })
  expect(asked).toEqual([])
  expect(repository.versions()).toEqual([1, 2])
})

test('a document that is carried and not the one that was signed is not believed', async () => {
  served = at('carried')
  cpSync(at('new'), served, { recursive: true })
  const other = new FilesystemStore(served)
  const state = await loadState(other)
  const target = state.channels.metadata.signed.targets['channels/stable.json']
  const custom = target?.unrecognizedFields['custom'] as { document: object }
  custom.document = { ...custom.document, version: 1 }
  const renewed = new Set(['channels'] as const)
  await commit({ store: other, keys, now: new Date() }, state, { renewed })

  expect(await (await refresh()).channel('stable')).toMatchObject({ version: 2 })
  expect(asked.filter((path) => path.startsWith('tuf/targets/'))).toHaveLength(1)
})

test('a document that is not what was signed is refused', async () => {
  served = at('plain')
  const repository = await refresh()
  answer = (_, bytes) =>
    bytes === undefined ? bytes : Buffer.from(bytes.toString().replace('stable', 'unstab'))
  await expect(repository.channel('stable')).rejects.toMatchObject({ code: 'UNTRUSTED' })
  answer = () => undefined
  await expect(repository.channel('stable')).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
})

test('after the newer state, the older one is refused, as a whole or in part', async () => {
  await refresh()
  const kept = contentOf(trust)
  served = at('old')
  await expect(refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
  expect(contentOf(trust)).toEqual(kept)
  // A machine that never saw the newer one cannot know.
  trust = newTrust()
  expect(await (await refresh()).channel('stable')).toMatchObject({ version: 1 })
})

test('an older snapshot under a newer timestamp is refused', async () => {
  const older = readdirSync(join(at('old'), 'tuf/metadata'))
    .filter((name) => name.endsWith('snapshot.json'))
    .sort()
  const bytes = readFileSync(join(at('old'), 'tuf/metadata', older.at(-1) ?? ''))
  answer = (path, right) => (path.endsWith('snapshot.json') ? bytes : right)
  await expect(refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
})

test('a root of other keys is refused', async () => {
  const others = new KeyRing(at('other-keys'))
  await createRepository({ store: new FilesystemStore(at('other')), keys: others, now: new Date() })
  trust = newTrust(readFileSync(others.rootPath))
  await expect(refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
  trust = newTrust()
  served = at('other')
  await expect(refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
})

test('metadata that has expired is stale, and fresh again after a refresh', async () => {
  const [directory, oldKeys] = [at('expired'), new KeyRing(at('expired-keys'))]
  const old = new FilesystemStore(directory)
  await createRepository({ store: old, keys: oldKeys, now: new Date(Date.now() - 8 * 24 * 3600 * 1000) })
  served = directory
  trust = newTrust(readFileSync(oldKeys.rootPath))
  await expect(refresh()).rejects.toMatchObject({ code: 'METADATA_STALE' })
  await refreshExpiry({ store: old, keys: oldKeys, now: new Date() })
  await refresh()
})

test('metadata longer than it may be is not read', async () => {
  answer = (path, bytes) => (path.endsWith('timestamp.json') ? Buffer.alloc(2 << 20) : bytes)
  await expect(refresh()).rejects.toThrow(/more than \d+ bytes/)
})

test('what fetching throws is passed on as it is', async () => {
  const failure = new Error('the network is down')
  answer = () => {
    throw failure
  }
  await expect(refresh()).rejects.toBe(failure)
})

test.each(['timestamp.json', 'snapshot.json', 'targets.json', 'releases.json', 'channels.json'])(
  'a kept %s that was cut in the middle is fetched anew',
  async (name) => {
    await refresh()
    const whole = contentOf(trust)
    writeFileSync(join(trust, name), whole[name]?.slice(0, 100) ?? '')
    writeFileSync(join(trust, `${name}.tmp`), 'what a killed process left')
    expect(await (await refresh()).channel('stable')).toMatchObject({ version: 2 })
    expect(contentOf(trust)).toMatchObject(whole)
  },
)

test('a trusted root that is damaged cannot be made good again by itself', async () => {
  await refresh()
  writeFileSync(join(trust, 'root.json'), '{"signed":')
  await expect(refresh()).rejects.toMatchObject({
    code: 'MACHINE_INVALID',
    hint: expect.any(String) as string,
  })
})

test('a document that was read is kept, and not believed when it is damaged there', async () => {
  served = at('plain')
  await (await refresh()).channel('stable')
  asked.length = 0
  expect(await (await refresh()).channel('stable')).toMatchObject({ version: 2 })
  expect(asked.filter((path) => path.startsWith('tuf/targets/'))).toEqual([])
  const documents = readdirSync(trust).filter((name) => name.startsWith('last-'))
  expect(documents).toHaveLength(1)
  for (const name of documents) writeFileSync(join(trust, name), '{}')
  expect(await (await refresh()).channel('stable')).toMatchObject({ version: 2 })
  expect(asked.filter((path) => path.startsWith('tuf/targets/'))).toHaveLength(1)
})
