import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { dropCarriedDocuments } from '../support/plain-documents.ts'
import { expectNothingUnsigned, Siege, unsigned } from './siege.ts'

// An attacker who has no key, and every byte between a repository and its machines.

let siege: Siege

beforeAll(async () => {
  siege = await Siege.begin()
  const { store, keys } = siege.scenario
  // Documents that the metadata carries are never asked for: here an attacker gets at them.
  await dropCarriedDocuments({ store, keys, now: new Date() })
  siege.save('plain documents')
  siege.restore()
})
afterEach(() => siege.restore())
afterAll(async () => siege[Symbol.asyncDispose]())

const isChunk = (path: string): boolean => path.startsWith('chunks/')
const isManifest = (path: string): boolean => path.startsWith('manifests/')

/** A good frame of as many bytes as there were, so that nothing but a digest tells. */
function poison(frame: Buffer): Buffer {
  const plain = zstdDecompressSync(frame)
  return zstdCompressSync(Buffer.alloc(plain.length, `${unsigned}\n`))
}

/** What an honest update asks for. */
async function pathsOfUpdate(isIt: (path: string) => boolean): Promise<string[]> {
  siege.server.forget()
  await siege.victim().update()
  return siege.server.paths.filter(isIt)
}

test('arbitrary software: a chunk of other bytes, compressed as it should be, is not installed', async () => {
  siege.server.rewrite = (path, body) => (isChunk(path) ? poison(body) : body)
  const victim = siege.victim()
  await siege.expectNotInstalled('OBJECT_CORRUPT', victim)
  await siege.expectRecovery(victim)
})

test('arbitrary software: a manifest of other files is not followed', async () => {
  siege.server.rewrite = (path, body) => (isManifest(path) ? poison(body) : body)
  await siege.expectNotInstalled('OBJECT_CORRUPT')
  expect(siege.server.count('chunks/')).toBe(0)
})

test('arbitrary software: a manifest that was refused leaves nothing on the disk', async () => {
  siege.server.rewrite = (path, body) => (isManifest(path) ? poison(body) : body)
  const victim = siege.victim()
  await siege.expectNotInstalled('OBJECT_CORRUPT', victim)
  expect(readdirSync(join(victim.directory, 'manifests')).filter((name) => name.endsWith('.tmp'))).toEqual([])
})

test('arbitrary software: a release document of the attacker, as long as the right one, is not read', async () => {
  siege.serve('plain documents')
  siege.server.rewrite = (path, body) =>
    path.startsWith('tuf/targets/releases/')
      ? Buffer.from(body.toString().replaceAll(/"sha256:[0-9a-f]{8}/g, '"sha256:00000000'))
      : body
  await siege.expectNotInstalled('UNTRUSTED')
  expect(siege.server.count('manifests/')).toBe(0)
})

test('arbitrary software: a server that sends on to an attacker gains nothing by it', async () => {
  writeFileSync(join(siege.scenario.repository, 'elsewhere'), zstdCompressSync(Buffer.from(unsigned)))
  siege.server.fault = ({ path }) =>
    isChunk(path) ? { kind: 'status', status: 302, headers: { location: '/elsewhere' } } : undefined
  await siege.expectNotInstalled('OBJECT_CORRUPT')
  expect(siege.server.count('elsewhere')).toBeGreaterThan(0)
})

test('mix-and-match: good chunks under each other’s names are refused', async () => {
  const [one = '', other = ''] = await pathsOfUpdate(isChunk)
  expect(one).not.toBe(other)
  siege.server.rewrite = (path, body) => {
    if (path !== one && path !== other) return body
    return readFileSync(join(siege.scenario.repository, path === one ? other : one))
  }
  await siege.expectNotInstalled('OBJECT_CORRUPT')
})

test('mix-and-match: good manifests under each other’s names are refused', async () => {
  const [one = '', other = ''] = await pathsOfUpdate(isManifest)
  siege.server.rewrite = (path, body) => {
    if (path !== one && path !== other) return body
    return readFileSync(join(siege.scenario.repository, path === one ? other : one))
  }
  await siege.expectNotInstalled('OBJECT_CORRUPT')
})

test('wrong software: the document of one release under the name of another is refused', async () => {
  siege.serve('plain documents')
  const { targets } = siege.forge().signed('releases')
  const earlier = `tuf/targets/releases/${targets['releases/10.json']?.hashes['sha256']}.10.json`
  siege.server.rewrite = (path, body) =>
    path.endsWith('.11.json') ? readFileSync(join(siege.scenario.repository, earlier)) : body
  await siege.expectNotInstalled('UNTRUSTED')
})

test('extraneous dependencies: a machine installs the modules it asked for, whatever a server says of them', async () => {
  siege.serve('plain documents')
  const modest = await siege.newcomer({ modules: ['base'] })
  siege.server.rewrite = (path, body) =>
    path.startsWith('tuf/targets/releases/')
      ? Buffer.from(body.toString().replace('"includes":[]', '"includes":["tools"]'))
      : body
  // The document became longer than what was signed: it is not read to its end.
  await siege.expectNotInstalled('SERVER_REFUSED', modest)
  siege.server.behave()
  await modest.update()
  modest.expectRelease(11, ['base'])
})

test('extraneous dependencies: files beside those of the release are never asked for', async () => {
  await siege.victim().update()
  const asked = siege.server.paths
  expect(asked.every((path) => /^(tuf|manifests|packs|chunks)\//.test(path))).toBe(true)
  expect(asked.some((path) => path.startsWith('private/'))).toBe(false)
})

test('partial bundle: when any one object is withheld, no module of the release is installed', async () => {
  const needed = await pathsOfUpdate((path) => isChunk(path) || isManifest(path))
  expect(needed.length).toBeGreaterThan(3)
  for (const withheld of new Set(needed)) {
    siege.server.fault = ({ path }) => (path === withheld ? { kind: 'status', status: 404 } : undefined)
    await siege.expectNotInstalled('OBJECT_MISSING')
  }
})

test.each([
  ['the next root', '2.root.json', 1 << 20],
  ['the timestamp', 'timestamp.json', 1 << 20],
  ['the snapshot', 'snapshot.json', 1 << 20],
  ['the channels', 'channels.json', 1 << 20],
  ['the releases', 'releases.json', 1 << 20],
  ['a manifest', '.ndjson.zst', 4 << 20],
  ['a chunk', '.cacnk', 8 << 20],
])('endless data: %s without an end is not read on', async (_, name, limit) => {
  siege.server.fault = ({ path }) => (path.endsWith(name) ? { kind: 'endless' } : undefined)
  const victim = siege.victim()
  await siege.expectNotInstalled('SERVER_REFUSED', victim)
  // The most that was taken, with what lies in the buffers of two sockets; sixteen may be open at once.
  expect(siege.server.bytes).toBeLessThan(16 * limit)
  await siege.expectRecovery(victim)
})

test('endless data: a frame that grows beyond its chunk is not decompressed further', async () => {
  const bomb = zstdCompressSync(Buffer.alloc(64 << 20, unsigned))
  siege.server.rewrite = (path, body) => (isChunk(path) ? bomb : body)
  await siege.expectNotInstalled('OBJECT_CORRUPT')
})

test('eavesdropping: a machine sends nothing of its own but what it asks for', async () => {
  const victim = siege.victim()
  const { machineId } = victim.open().status().settings
  await victim.update()
  for (const { path } of siege.server.requests) {
    expect(path).not.toContain(machineId)
    expect(path).toMatch(/^[0-9A-Za-z/._-]+$/)
  }
  expectNothingUnsigned(victim)
})
