import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { JsonValue } from '../../manifests/canonical-json.ts'
import { ForgeKey } from './forge-key.ts'
import type { Forge } from './forge.ts'
import { installedOn, Siege } from './siege.ts'

// An attacker who has keys: below a role's threshold they are worth nothing, at it what the role may say, and no more.

let siege: Siege

const topRoles = ['root', 'targets', 'snapshot', 'timestamp'] as const
const delegatedRoles = ['releases', 'channels'] as const

/** Two keys of three for every role, and machines that know it. */
function shareKeys(forge: Forge): void {
  for (const role of topRoles) forge.rotate(role, ForgeKey.several(3), 2)
  for (const role of delegatedRoles) {
    forge.delegate(role, ForgeKey.several(3), 2)
    forge.edit(role)
  }
  forge.vouch()
}

beforeAll(async () => {
  siege = await Siege.begin()
  siege.restore()
})
afterEach(() => {
  vi.useRealTimers()
  siege.restore()
})
afterAll(async () => siege[Symbol.asyncDispose]())

const dayMs = 24 * 60 * 60 * 1000

function itIsDay(days: number): void {
  vi.useRealTimers()
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * dayMs })
}

test('key compromise: with two keys of three for every role, machines update', async () => {
  shareKeys(siege.forge())
  await siege.expectRecovery(siege.victim())
})

test.each([...topRoles, ...delegatedRoles])(
  'key compromise below the threshold: one key of %s signs nothing that machines take',
  async (role) => {
    const forge = siege.forge()
    shareKeys(forge)
    const [stolen] = forge.keysOf(role)
    forge.keys.set(role, stolen === undefined ? [] : [stolen])
    forge.edit(role)
    forge.vouch()
    await siege.expectRefused('UNTRUSTED')
  },
)

test.each([...topRoles, ...delegatedRoles])(
  'key compromise below the threshold: one key of %s that signs twice is one key',
  async (role) => {
    const forge = siege.forge()
    shareKeys(forge)
    const [stolen] = forge.keysOf(role)
    const twice = stolen === undefined ? [] : [stolen, stolen]
    forge.keys.set(role, twice)
    forge.edit(role)
    forge.vouch()
    await siege.expectRefused('UNTRUSTED')
  },
)

/** A release document that names what release 10 is made of. */
function addRelease(forge: Forge, version: number): void {
  const { targets } = forge.signed('releases')
  const document = targets['releases/11.json']?.custom?.document as object
  forge.document('releases', `releases/${version}.json`, { ...document, version })
}

function pointChannel(forge: Forge, changes: Readonly<Record<string, JsonValue>>): void {
  const { targets } = forge.signed('channels')
  const document = targets['channels/stable.json']?.custom?.document as object
  forge.document('channels', 'channels/stable.json', { ...document, ...changes })
}

test('key compromise: the timestamp key alone vouches for no snapshot that the snapshot key has not signed', async () => {
  const forge = siege.forge()
  forge.keys.set('snapshot', [ForgeKey.generate()])
  forge.vouch()
  await siege.expectRefused('UNTRUSTED')
})

test('key compromise: the timestamp key alone goes back to no older snapshot', async () => {
  const victim = siege.victim()
  await victim.update()
  const { version } = siege.forge().signed('timestamp')
  siege.serve('release 10')
  siege.forge().stamp({ timestamp: (timestamp) => (timestamp.version = version + 1) })
  await siege.expectRefused('UNTRUSTED', victim)
})

test('key compromise: the snapshot key alone changes nothing', async () => {
  const forge = siege.forge()
  forge.edit('snapshot', ({ meta }) => delete meta['releases.json'])
  siege.server.rewrite = (path, body) => (path.endsWith('snapshot.json') ? forge.bytes('snapshot') : body)
  await siege.expectRefused('UNTRUSTED')
})

test('key compromise: the key of the releases alone shows machines nothing', async () => {
  const forge = siege.forge()
  addRelease(forge, 12)
  // Without the online keys nobody is told of it, and it cannot take the place of what they vouch for.
  siege.server.rewrite = (path, body) => (path.endsWith('releases.json') ? forge.bytes('releases') : body)
  // Longer than what the snapshot vouches for, so that it is not even read to its end.
  await siege.expectRefused('SERVER_REFUSED')
})

test('key compromise: the keys of releases and online can add a release, and no machine goes there', async () => {
  const forge = siege.forge()
  addRelease(forge, 12)
  forge.vouch()
  const victim = siege.victim()
  await siege.expectRecovery(victim)
  expect(installedOn(victim)).toMatchObject({ version: 11 })
})

test('key compromise: the keys of channels and online name no release that is not signed', async () => {
  const forge = siege.forge()
  pointChannel(forge, { version: 12 })
  forge.vouch()
  await siege.expectNotInstalled('RELEASE_MISSING')
})

test('rollback: a channel that names an older release is no way back by itself, whoever signed it', async () => {
  const victim = siege.victim()
  await victim.update()
  const forge = siege.forge()
  pointChannel(forge, { version: 10 })
  forge.vouch()
  expect(await victim.update()).toMatchObject({ changed: false, to: 11 })
  victim.expectRelease(11)
})

test('key compromise: a release that the key of the channels has signed is no release', async () => {
  const forge = siege.forge()
  const { targets } = forge.signed('releases')
  const document = targets['releases/11.json']?.custom?.document as object
  forge.document('channels', 'releases/12.json', { ...document, version: 12 })
  pointChannel(forge, { version: 12 })
  forge.vouch()
  await siege.expectNotInstalled('RELEASE_MISSING')
})

test('key compromise: a channel that the key of the releases has signed is no channel', async () => {
  const forge = siege.forge()
  const { targets } = forge.signed('channels')
  const document = targets['channels/stable.json']?.custom?.document as object
  forge.document('releases', 'channels/nightly.json', { ...document, channel: 'nightly' })
  forge.vouch()
  const stranger = await siege.newcomer({ channel: 'nightly' })
  await siege.expectNotInstalled('CHANNEL_MISSING', stranger)
})

// Not defended against (docs/attacks.md): this is what the keys are for. The log makes it visible.
test('key compromise at the threshold: the keys of releases and online can put another release in the place of one', async () => {
  const forge = siege.forge()
  const { targets } = forge.signed('releases')
  const document = targets['releases/10.json']?.custom?.document
  expect(document).toBeDefined()
  forge.document('releases', 'releases/11.json', { ...(document as object), version: 11 })
  forge.vouch()
  const victim = siege.victim()
  expect(await victim.update()).toMatchObject({ to: 11 })
  victim.expectRelease(10)
})

test('key compromise at the threshold: the keys of channels and online can send machines to any signed release', async () => {
  const victim = siege.victim()
  await victim.update()
  const forge = siege.forge()
  pointChannel(forge, { version: 10, rollback: { from: 11, reason: 'none that is true' } })
  forge.vouch()
  expect(await victim.update()).toMatchObject({ from: 11, to: 10 })
  victim.expectRelease(10)
})

test.each([...topRoles, ...delegatedRoles])(
  'key compromise at the threshold: keys of %s that were revoked sign nothing more',
  async (role) => {
    const forge = siege.forge()
    const stolen = forge.keysOf(role)
    if (role === 'releases' || role === 'channels') {
      forge.delegate(role)
      forge.edit(role)
    } else {
      forge.rotate(role)
    }
    forge.edit('targets')
    forge.vouch()
    const victim = siege.victim()
    await siege.expectRecovery(victim)
    forge.keys.set(role, stolen)
    forge.edit(role)
    forge.vouch()
    await siege.expectRefused('UNTRUSTED', victim)
  },
)

// A mirror, or the server itself, in the hands of somebody who has both online keys.

test('a mirror with both online keys: no release, channel or key of its own', async () => {
  for (const role of ['targets', 'releases', 'channels']) {
    siege.serve('release 11')
    const forge = siege.forge()
    forge.keys.set(role, forge.keysOf('snapshot'))
    forge.edit(role)
    forge.vouch()
    await siege.expectRefused('UNTRUSTED')
  }
})

test.each(['targets', 'releases', 'channels'] as const)(
  'a mirror with both online keys: no way back to %s that a machine has seen replaced',
  async (role) => {
    const forge = siege.forge()
    const older = forge.signed(role)
    forge.edit(role)
    forge.vouch()
    const victim = siege.victim()
    await victim.update()
    forge.write(role, older)
    forge.vouch()
    await siege.expectRefused('UNTRUSTED', victim)
  },
)

test('a mirror with both online keys: no release without the channel that goes with it', async () => {
  const forge = siege.forge()
  for (const role of ['releases', 'channels', 'targets']) {
    forge.vouch({ snapshot: ({ meta }) => delete meta[`${role}.json`] })
    await siege.expectRefused('UNTRUSTED')
  }
})

// Not defended against (docs/attacks.md): a machine that has seen nothing cannot know what is older.
test('a mirror with both online keys: a machine that has seen nothing yet can be shown an older state', async () => {
  siege.serve('release 10')
  siege.forge().vouch()
  const newcomer = await siege.newcomer()
  expect(await newcomer.update()).toMatchObject({ to: 10 })
})

/** Signed online metadata for another year, over and over; everything else as it was at release 10. */
function freezeForGood(): void {
  siege.serve('release 10')
  const expires = `${new Date(Date.now() + 5000 * dayMs).toISOString().slice(0, 19)}Z`
  siege.forge().vouch({
    snapshot: (snapshot) => (snapshot.expires = expires),
    timestamp: (timestamp) => (timestamp.expires = expires),
  })
}

test('a mirror with both online keys: a freeze ends with the life of the timestamp', async () => {
  freezeForGood()
  const victim = siege.victim()
  itIsDay(6)
  expect(await victim.update()).toMatchObject({ changed: false, to: 10 })
  // The timestamp and the snapshot are good for years, and the channels have as much life as a timestamp should.
  itIsDay(8)
  await siege.expectRefused('METADATA_STALE', victim)
  victim.expectRelease(10)
})

test('a mirror with both online keys: nothing that they sign makes the channels last longer', async () => {
  freezeForGood()
  const forge = siege.forge()
  forge.vouch({
    snapshot: (snapshot) => Object.assign(snapshot, { lifetimeSeconds: 366 * 86_400 }),
    timestamp: (timestamp) => Object.assign(timestamp, { lifetimeSeconds: 366 * 86_400 }),
  })
  itIsDay(8)
  await siege.expectRefused('METADATA_STALE')
})

// Not defended against (docs/attacks.md) before the year of the releases is over.
test('a freeze with the keys of channels and online ends, at the latest, when what the offline keys signed expires', async () => {
  freezeForGood()
  const forge = siege.forge()
  const expires = forge.signed('timestamp').expires
  forge.edit('channels', (channels) => (channels.expires = expires))
  forge.vouch()
  const victim = siege.victim()
  itIsDay(360)
  expect(await victim.update()).toMatchObject({ changed: false, to: 10 })
  itIsDay(367)
  await siege.expectRefused('METADATA_STALE', victim)
})

test('a mirror with both online keys: a freeze ends when a machine meets the root that revokes them', async () => {
  freezeForGood()
  const victim = siege.victim()
  await victim.update()
  siege.serve('release 11')
  const forge = siege.forge()
  forge.rotate('snapshot')
  forge.rotate('timestamp')
  forge.vouch()
  await siege.expectRecovery(victim)
})

test('a mirror with both online keys: no more memory than metadata may take', async () => {
  const forge = siege.forge()
  forge.stamp({
    timestamp: ({ meta }) => {
      const entry = meta['snapshot.json']
      if (entry !== undefined) entry.length = 64 << 20
    },
  })
  siege.server.rewrite = (path, body) =>
    path.endsWith('snapshot.json') ? Buffer.concat([body, Buffer.alloc((64 << 20) - body.length, ' ')]) : body
  await siege.expectRefused('SERVER_REFUSED')
})
