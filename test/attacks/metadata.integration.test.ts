import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { Device } from '../support/scenario.ts'
import type { Forge } from './forge.ts'
import { ForgeKey } from './forge-key.ts'
import { installedOn, Siege, trustedBy } from './siege.ts'

// Rollback, freeze, mix-and-match and fast-forward: good metadata at the wrong time, and metadata of nobody's keys.

let siege: Siege

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

/** What the machine's clock says, in days from now. */
function itIsDay(days: number): void {
  vi.useRealTimers()
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * dayMs })
}

/** A machine that has seen, and installed, everything. */
async function upToDate(): Promise<Device> {
  const device = siege.victim()
  await device.update()
  return device
}

const roles = ['timestamp', 'snapshot', 'targets', 'releases', 'channels'] as const

test.each(roles)(
  'arbitrary software: %s.json signed by a key that nobody trusts is refused',
  async (role) => {
    const forge = siege.forge()
    forge.keys.set(role, [ForgeKey.generate()])
    forge.edit(role)
    forge.vouch()
    const victim = siege.victim()
    await siege.expectRefused('UNTRUSTED', victim)
    siege.serve('release 11')
    await siege.expectRecovery(victim)
  },
)

test('arbitrary software: the next root, signed by keys of its own alone, is refused', async () => {
  const forge = siege.forge()
  forge.keys.set('root', [ForgeKey.generate()])
  forge.rotate('root')
  await siege.expectRefused('UNTRUSTED')
})

test('arbitrary software: the signature of one role is none of another', async () => {
  const forge = siege.forge()
  forge.keys.set('releases', forge.keysOf('channels'))
  forge.edit('releases')
  forge.vouch()
  await siege.expectRefused('UNTRUSTED')
})

test('rollback: the whole repository as it was is refused by a machine that has seen more', async () => {
  const device = await upToDate()
  siege.serve('release 10')
  await siege.expectRefused('UNTRUSTED', device)
  expect(installedOn(device)).toMatchObject({ version: 11 })
  siege.serve('release 11')
  await siege.expectRecovery(device)
})

test('rollback: to have looked is enough, also without an update', async () => {
  const device = siege.victim()
  await device.open().check()
  siege.serve('release 10')
  await siege.expectRefused('UNTRUSTED', device)
})

test('rollback: the clock of a machine that was set back does not make old metadata new', async () => {
  const device = await upToDate()
  siege.serve('release 10')
  itIsDay(-400)
  await siege.expectRefused('UNTRUSTED', device)
})

test.each([
  ['snapshot', 2],
  ['releases', 2],
  ['channels', 2],
] as const)('mix-and-match: an older %s.json below newer metadata is refused', async (role, version) => {
  const older = siege.read('release 11', `tuf/metadata/${version}.${role}.json`)
  expect(older).toBeDefined()
  siege.server.rewrite = (path, body) => (path.endsWith(`.${role}.json`) ? (older ?? body) : body)
  await siege.expectRefused('UNTRUSTED')
})

test('mix-and-match: a newer timestamp and the rest of another time are refused', async () => {
  const newer = siege.read('release 11', 'tuf/metadata/timestamp.json')
  siege.serve('release 10')
  siege.server.rewrite = (path, body) => (path.endsWith('timestamp.json') ? (newer ?? body) : body)
  // What the timestamp names is not there: nothing says that anybody forged it.
  await siege.expectRefused('SERVER_REFUSED')
})

test('freeze: a mirror that holds everything back is found out when the timestamp’s life is over', async () => {
  siege.serve('release 10')
  const victim = siege.victim()
  itIsDay(6)
  expect(await victim.open().check()).toMatchObject({ move: false, installed: 10 })
  itIsDay(8)
  await siege.expectRefused('METADATA_STALE', victim)
  siege.serve('release 11')
  vi.useRealTimers()
  await siege.expectRecovery(victim)
})

test('freeze: the next root held back hides it no longer than the timestamp lives', async () => {
  siege.forge().rotate('timestamp')
  siege.server.fault = ({ path }) =>
    path.endsWith('.root.json') ? { kind: 'status', status: 404 } : undefined
  const victim = siege.victim()
  await victim.update()
  itIsDay(8)
  await siege.expectRefused('METADATA_STALE', victim)
})

test('clock: one that is set forward stops updates, and nothing else', async () => {
  const victim = siege.victim()
  itIsDay(5000)
  await siege.expectRefused('METADATA_STALE', victim)
  vi.useRealTimers()
  await siege.expectRecovery(victim)
})

// Not defended against (docs/attacks.md): what says how late it is, is the machine's clock.
test('clock: one that is set back takes what has expired for fresh, and still nothing older than it has seen', async () => {
  const device = await upToDate()
  itIsDay(8)
  await siege.expectRefused('METADATA_STALE', device)
  itIsDay(-1)
  expect(await device.open().check()).toMatchObject({ move: false, installed: 11 })
  siege.serve('release 10')
  await siege.expectRefused('UNTRUSTED', device)
})

/** The attacker has signed a version that no honest one comes after, and the machine has taken it. */
async function fastForward(forward: (forge: Forge) => void): Promise<Device> {
  const victim = siege.victim()
  siege.serve('release 10')
  forward(siege.forge())
  await victim.open().check()
  siege.serve('release 11')
  // The operators go on as they did before: that does not help.
  const honest = siege.forge()
  honest.vouch()
  honest.vouch()
  await siege.expectRefused('UNTRUSTED', victim)
  return victim
}

const far = 1 << 30

test('fast-forward: of the timestamp, is recovered from by another timestamp key', async () => {
  const victim = await fastForward((forge) =>
    forge.stamp({ timestamp: (timestamp) => (timestamp.version = far) }),
  )
  const forge = siege.forge()
  forge.rotate('timestamp')
  forge.stamp()
  await siege.expectRecovery(victim)
})

test('fast-forward: of the snapshot, is recovered from by other snapshot and timestamp keys', async () => {
  const victim = await fastForward((forge) =>
    forge.vouch({ snapshot: (snapshot) => (snapshot.version = far) }),
  )
  const forge = siege.forge()
  forge.rotate('snapshot')
  forge.rotate('timestamp')
  forge.vouch()
  await siege.expectRecovery(victim)
})

test.each(['targets', 'releases', 'channels'] as const)(
  'fast-forward: of %s, is recovered from by other snapshot and timestamp keys',
  async (role) => {
    const victim = await fastForward((forge) => {
      forge.edit(role, (signed) => (signed.version = far))
      forge.vouch()
    })
    const forge = siege.forge()
    forge.rotate('snapshot')
    forge.rotate('timestamp')
    forge.vouch()
    await siege.expectRecovery(victim)
  },
)

test('fast-forward: a version of channels that only the online keys vouch for is not taken', async () => {
  const forge = siege.forge()
  forge.vouch({
    snapshot: ({ meta }) => {
      meta['channels.json'] = { version: far }
    },
  })
  const victim = siege.victim()
  const before = trustedBy(victim)
  await siege.expectRefused('SERVER_REFUSED', victim)
  expect(trustedBy(victim)).toEqual(before)
  siege.serve('release 11')
  await siege.expectRecovery(victim)
})

test('fast-forward: a role that a snapshot once listed may not vanish, and other snapshot keys let it', async () => {
  const victim = await fastForward((forge) =>
    forge.vouch({
      snapshot: ({ meta }) => {
        meta['invented.json'] = { version: 1 }
      },
    }),
  )
  const forge = siege.forge()
  forge.rotate('snapshot')
  forge.vouch()
  await siege.expectRecovery(victim)
})
