import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Hook } from '../../../../manifests/release.ts'
import { digestOf } from '../../../../manifests/digest.ts'
import { publishRelease } from '../../../../src/ingest/publish-release.ts'
import { timestampKey } from '../../../../src/repository/layout.ts'
import { refreshExpiry } from '../../../../src/repository/refresh.ts'
import { loadState } from '../../../../src/repository/repository-state.ts'
import { setChannel } from '../../../../src/repository/set-channel.ts'
import { DirectoryTree } from '../../../../src/tree/tree-source.ts'
import { bytesIn, keysIn, Publisher } from '../../../support/publisher.ts'
import { PublishingWorld, type Commit } from './publishing-world.ts'

let world: PublishingWorld

beforeEach(async () => {
  world = await PublishingWorld.create()
  for (const name of ['base', 'web', 'tools']) world.write(name, `${name} 1`)
  await world.publisher.publish(1, ['base', 'web'])
})

afterEach(async () => world[Symbol.asyncDispose]())

/** Nothing may be written. */
async function refused(commit: object, code: string, token?: string): Promise<void> {
  const before = await world.contents()
  expect(await world.commit(commit, token)).toMatchObject({ code })
  expect(await world.contents()).toEqual(before)
}

/** With other bytes under a key. */
function withObject(commit: Commit, key: string, bytes: Buffer): Commit {
  const others = commit.objects.filter((object) => object.key !== key)
  return { ...commit, objects: [...others, { key, base64: bytes.toString('base64') }] }
}

test('a token for some modules publishes no change of another', async () => {
  const web = await world.tokenFor(['web', 'web-*'], ['stable'])
  world.write('base', 'base 2')
  await refused(await world.commitOf(world.publishing(2, ['base', 'web'])), 'FORBIDDEN', web)
  world.write('base', 'base 1')
  world.write('web', 'web 2')
  const allowed = await world.commitOf(world.publishing(2, ['base', 'web'], { channel: 'stable' }))
  await refused(await world.commitOf(world.publishing(2, ['web'])), 'FORBIDDEN', web)
  await refused(await world.commitOf(world.publishing(2, ['base', 'web', 'tools'])), 'FORBIDDEN', web)
  expect((await world.commit(allowed, web)).json).toMatchObject({ modules: ['web'], channels: ['stable'] })
})

test('what a release says of a module is a change of it, too', async () => {
  const web = await world.tokenFor(['web'], [])
  const { keys, now } = world.publisher
  const hooks: Hook[] = [{ name: 'evil', run: ['/usr/bin/evil'] }]
  const commit = await world.commitOf(async (copy) => {
    const tree = (name: string): DirectoryTree => new DirectoryTree(world.publisher.tree(name).path)
    const modules = [
      { name: 'base', tree: tree('base'), includes: [], traits: { hooks } },
      { name: 'web', tree: tree('web'), includes: [] },
    ]
    await publishRelease({ version: 2, channel: undefined, modules }, { store: copy, keys, now, threads: 1 })
  })
  await refused(commit, 'FORBIDDEN', web)
})

test('a release that is made over an earlier one than the latest changes what that changed', async () => {
  const web = await world.tokenFor(['web'], [])
  world.write('base', 'base 2')
  await world.publisher.publish(2, ['base', 'web'], { channel: 'testing' })
  world.write('base', 'base 1')
  world.write('web', 'web 3')
  await refused(await world.commitOf(world.publishing(3, ['base', 'web'])), 'FORBIDDEN', web)
})

test('a token moves the channels that it names, and no other', async () => {
  const beta = await world.tokenFor(['*'], ['beta-*'])
  expect((await world.commit(await world.commitOf(world.moving('beta-eu', 1)), beta)).status).toBe(200)
  await refused(await world.commitOf(world.moving('stable2', 1)), 'FORBIDDEN', beta)
  world.write('web', 'web 2')
  await refused(
    await world.commitOf(world.publishing(2, ['base', 'web'], { channel: 'stable' })),
    'FORBIDDEN',
    beta,
  )
})

test('without a token, or with one for something else, nothing is done', async () => {
  const commit = await world.commitOf(world.moving('edge', 1))
  await refused(commit, 'UNAUTHENTICATED', '')
  const { makeToken } = await import('../access/test-tokens.ts')
  await refused(
    commit,
    'FORBIDDEN',
    (await makeToken(world.store, [{ may: 'administer' }, { may: 'operate' }])).text,
  )
})

test('forged signatures are refused, of every role', async () => {
  const commit = await world.commitOf(world.publishing(2, ['base', 'web'], { channel: 'edge' }))
  const roles = commit.objects.filter(({ key }) => key.startsWith('tuf/metadata/'))
  expect(roles).toHaveLength(4)
  for (const { key, base64 } of roles) {
    const document = JSON.parse(Buffer.from(base64, 'base64').toString()) as { signatures: { sig: string }[] }
    for (const signature of document.signatures) signature.sig = '0'.repeat(128)
    await refused(withObject(commit, key, Buffer.from(JSON.stringify(document))), 'METADATA_REFUSED')
  }
})

test('metadata of another repository are refused', async () => {
  using other = await Publisher.create()
  other.tree('base').file('base/a', 'base 1', { mtime: 1 })
  await other.publish(1, ['base'])
  const objects: Commit['objects'] = []
  for (const key of await keysIn(other.store, 'tuf/')) {
    if (/root|1\.targets\.json$/.test(key)) continue
    objects.push({ key, base64: (await bytesIn(other.store, key)).toString('base64') })
  }
  const { over } = await world.commitOf(world.moving('edge', 1))
  await refused({ over, objects }, 'METADATA_REFUSED')
})

test('versions go back neither of releases nor of metadata', async () => {
  await world.publisher.publish(5, ['base', 'web'], { channel: 'edge' })
  const old = await bytesIn(world.store, timestampKey)
  // Made by someone with all keys who does not ask what there is.
  const commit = await world.commitOf(async (copy) => {
    const { keys, now } = world.publisher
    const { commit: sign } = await import('../../../../src/repository/commit.ts')
    const repository = await world.publisher.repository(copy)
    const { encodeRelease } = await import('../../../../manifests/release.ts')
    const document = Buffer.from(encodeRelease({ ...(await repository.release(5)), version: 3 }))
    await sign({ store: copy, keys, now }, repository.state, {
      releases: new Map([['releases/3.json', document]]),
    })
  })
  await refused(commit, 'VERSION_NOT_INCREASING')
  await world.moving('edge2', 1)(world.store)
  const { over } = await world.commitOf(world.moving('x', 1))
  const objects = [{ key: timestampKey, base64: old.toString('base64') }]
  await refused({ over, objects }, 'METADATA_REFUSED')
  expect((await world.publisher.repository()).releaseVersions()).toEqual([1, 5])
})

test('a release never changes, and never goes', async () => {
  const { keys, now } = world.publisher
  const { commit: sign } = await import('../../../../src/repository/commit.ts')
  const { encodeRelease } = await import('../../../../manifests/release.ts')
  const changed = await world.commitOf(async (copy) => {
    const repository = await world.publisher.repository(copy)
    const document = Buffer.from(encodeRelease({ ...(await repository.release(1)), label: 'other' }))
    await sign({ store: copy, keys, now }, repository.state, {
      releases: new Map([['releases/1.json', document]]),
    })
  })
  await refused(changed, 'VERSION_EXISTS')
  const retired = await world.commitOf(async (copy) => {
    const repository = await world.publisher.repository(copy)
    await sign({ store: copy, keys, now }, repository.state, { retired: new Set(['releases/1.json']) })
  })
  await refused(retired, 'COMMIT_REFUSED')
})

test('keys are not changed over HTTP', async () => {
  const { keys, now } = world.publisher
  const copy = await world.copy()
  await refreshExpiry({ store: copy, keys, now, signal: undefined }, { all: true })
  await refused(await world.commitTo(copy), 'COMMIT_KEY_REFUSED')
})

test('nothing is written under any other key', async () => {
  const commit = await world.commitOf(world.moving('edge', 1))
  const keys = [
    'private/tokens/aaaaaaaaaaaaaaaa.json',
    'chunks/0000/0.cacnk',
    'log/checkpoint',
    'log/tile/0/000',
    'tuf/metadata/2.root.json',
    'tuf/metadata/2.targets.json',
    'tuf/metadata/../../x',
    'tuf/targets/releases/x.json',
    `tuf/targets/releases/${'0'.repeat(64)}.1.json`,
    `tuf/targets/other/${'0'.repeat(64)}.1.json`,
    'index.html',
    '',
  ]
  for (const key of keys) await refused(withObject(commit, key, Buffer.from('{}')), 'COMMIT_KEY_REFUSED')
  const stray = Buffer.from('{"stray":true}')
  const strayKey = `tuf/targets/channels/${digestOf(stray).slice(7)}.stable.json`
  await refused(withObject(commit, strayKey, stray), 'COMMIT_KEY_REFUSED')
  const numbered = commit.objects.find(({ key }) => key.endsWith('.snapshot.json'))
  await refused(
    withObject(commit, 'tuf/metadata/99.snapshot.json', Buffer.from(numbered?.base64 ?? '', 'base64')),
    'COMMIT_KEY_REFUSED',
  )
  const without = commit.objects.filter(({ key }) => key !== timestampKey)
  await refused({ ...commit, objects: without }, 'COMMIT_KEY_REFUSED')
  await refused(
    { ...commit, objects: [...commit.objects, ...commit.objects.slice(0, 1)] },
    'COMMIT_KEY_REFUSED',
  )
})

test('a snapshot that signs another head of the log is refused', async () => {
  const { keys, now } = world.publisher
  const { signMetadata } = await import('../../../../src/trust/sign-metadata.ts')
  const { signTimestamp } = await import('../../../../src/repository/commit.ts')
  const { signersFor } = await import('../../../../src/repository/role-keys.ts')
  const { lifetimesIn } = await import('../../../../src/repository/repository-state.ts')
  const commit = await world.commitOf(async (copy) => {
    await world.moving('edge', 1)(copy)
    const state = await loadState(copy)
    const before = await loadState(world.store)
    const { signed } = state.snapshot.metadata
    signed.unrecognizedFields['log'] = before.snapshot.metadata.signed.unrecognizedFields['log'] ?? null
    const signers = (role: Parameters<typeof signersFor>[2]) => signersFor(state, keys, role)
    const snapshot = await signMetadata(signed, signers('snapshot'))
    await copy.put(`tuf/metadata/${signed.version}.snapshot.json`, snapshot.bytes)
    const version = state.timestamp.metadata.signed.version
    const timestamp = await signTimestamp({ now }, snapshot, version, {
      signers,
      lifetimes: lifetimesIn(state),
    })
    await copy.put(timestampKey, timestamp.bytes)
  })
  await refused(commit, 'METADATA_REFUSED')
})

test('metadata that have expired are refused', async () => {
  const { keys } = world.publisher
  const longAgo = new Date(Date.now() - 400 * 24 * 3600 * 1000)
  const change = { channel: 'edge', version: 1, rollout: undefined, halted: undefined, waypoints: undefined }
  const commit = await world.commitOf((copy) =>
    setChannel(change, { store: copy, keys, now: longAgo, signal: undefined }),
  )
  await refused(commit, 'METADATA_REFUSED')
})
