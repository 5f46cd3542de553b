import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Signed } from './forge.ts'
import { ForgeKey } from './forge-key.ts'
import { Visitor } from './visitor.ts'

// The cases of the conformance suite of The Update Framework's clients (theupdateframework/tuf-conformance: basic,
// expiration, rollback), against ours. Each `describe` has a file of that suite as its name.

let visitor: Visitor

beforeAll(async () => {
  visitor = await Visitor.begin()
})
afterEach(() => {
  vi.useRealTimers()
  visitor.renew()
})
afterAll(async () => visitor[Symbol.asyncDispose]())

const roles = ['timestamp', 'snapshot', 'targets', 'releases', 'channels'] as const
const dayMs = 24 * 60 * 60 * 1000

function inDays(days: number): string {
  return `${new Date(Date.now() + days * dayMs).toISOString().slice(0, 19)}Z`
}

async function expectRefused(code = 'UNTRUSTED'): Promise<void> {
  const before = roles.map((role) => visitor.version(role))
  await expect(visitor.refresh()).rejects.toMatchObject({ code })
  expect(roles.map((role) => visitor.version(role))).toEqual(before)
}

describe('test_basic', () => {
  test('a first refresh asks for each role once, and keeps it', async () => {
    await visitor.refresh()
    expect(visitor.asked).toEqual([
      '2.root',
      'timestamp',
      '2.snapshot',
      '1.targets',
      '2.channels',
      '2.releases',
    ])
    expect(['root', ...roles].map((role) => visitor.version(role))).toEqual([1, 2, 2, 1, 2, 2])
  })

  test('what is asked of a client that has nothing yet begins with a refresh', async () => {
    const repository = await visitor.refresh()
    expect(await repository.channel('none')).toBeUndefined()
    expect(await repository.release(9)).toBeUndefined()
    expect(visitor.version('channels')).toBe(2)
  })

  test.each([
    ['no version', ({ signed }: { signed: Partial<Signed> }) => delete signed.version],
    ['a signature that is not its own', ({ signatures }) => (signatures[0] = ForgeKey.generate().sign({}))],
    ['a threshold of none', ({ signed }) => (signed.roles = noThreshold(signed.roles))],
  ] as readonly (readonly [string, (root: { signed: Partial<Signed>; signatures: unknown[] }) => unknown])[])(
    'a first root with %s is refused before anything is asked',
    async (_, damage) => {
      const root = JSON.parse(visitor.keptBytes('root').toString()) as Parameters<typeof damage>[0]
      damage(root)
      visitor.trustOnly(Buffer.from(JSON.stringify(root)))
      await expect(visitor.refresh()).rejects.toMatchObject({ code: 'MACHINE_INVALID' })
      expect(visitor.server.requests).toEqual([])
    },
  )

  test('a timestamp of the same version and other content does not take the place of the one that is kept', async () => {
    await visitor.refresh()
    const kept = visitor.keptBytes('timestamp')
    const forge = visitor.forge()
    const signed = forge.signed('timestamp')
    forge.write('timestamp', { ...signed, meta: { 'snapshot.json': { version: 100 } } })
    await visitor.refresh()
    expect(visitor.keptBytes('timestamp')).toEqual(kept)
  })

  test('fields that nobody knows are signed as all others are', async () => {
    const forge = visitor.forge()
    forge.edit('root', (root) => {
      root['unknown-field'] = { deep: [1, 'two', { three: null }] }
      for (const key of Object.values(root.keys))
        (key as Record<string, unknown>)['owner'] = 'é and "quotes" \\'
      for (const role of Object.values(root.roles)) Object.assign(role, { note: 'x' })
    })
    for (const role of ['targets', 'releases', 'channels'])
      forge.edit(role, (signed) => (signed['unknown'] = role))
    forge.vouch({ timestamp: (timestamp) => (timestamp['unknown'] = true) })
    await visitor.refresh()
    expect(visitor.version('root')).toBe(2)
    visitor.server.rewrite = (path, body) =>
      path.endsWith('timestamp.json') ? Buffer.from(body.toString().replace('true', '1234')) : body
    visitor.forge().stamp({ timestamp: (timestamp) => (timestamp['unknown'] = true) })
    await expectRefused()
  })

  test('members in another order, and white space, are no damage: what is signed is the canonical form', async () => {
    const forge = visitor.forge()
    forge.stamp()
    const path = join(visitor.repository, 'tuf/metadata/timestamp.json')
    const { signed, signatures } = JSON.parse(readFileSync(path, 'utf8')) as {
      signed: object
      signatures: unknown
    }
    const turned = Object.fromEntries(Object.entries(signed).reverse())
    writeFileSync(path, JSON.stringify({ signed: turned, signatures }, undefined, 4))
    await visitor.refresh()
    expect(visitor.version('timestamp')).toBe(3)
  })

  test('targets with other bytes than the snapshot vouches for are refused', async () => {
    await visitor.refresh()
    const forge = visitor.forge()
    forge.edit('targets')
    forge.vouch()
    const signed = forge.signed('targets')
    forge.write('targets', { ...signed, expires: inDays(500) })
    await expectRefused()
  })

  test('targets of another version than the snapshot vouches for are refused', async () => {
    await visitor.refresh()
    const forge = visitor.forge()
    forge.edit('targets')
    forge.vouch({
      digests: false,
      snapshot: ({ meta }) => (meta['targets.json'] = { version: forge.signed('targets').version + 1 }),
    })
    const right = forge.bytes('targets')
    writeFileSync(
      join(visitor.repository, `tuf/metadata/${forge.signed('targets').version + 1}.targets.json`),
      right,
    )
    await expectRefused()
  })

  test('a role of another kind under the name of the right one is refused', async () => {
    const forge = visitor.forge()
    forge.keys.set('timestamp', forge.keysOf('timestamp'))
    forge.edit('timestamp', (signed) => (signed._type = 'snapshot'))
    await expectRefused()
  })

  test('a specification of another major version is refused', async () => {
    visitor.forge().stamp({ timestamp: (timestamp) => (timestamp['spec_version'] = '2.0.0') })
    await expectRefused()
  })
})

function noThreshold(given: Signed['roles'] | undefined): Signed['roles'] {
  return Object.fromEntries(
    Object.entries(given ?? {}).map(([name, role]) => [name, { ...role, threshold: 0 }]),
  )
}

describe('test_expiration', () => {
  test.each(roles)('%s that has expired is refused, whoever signed it', async (role) => {
    await visitor.refresh()
    const forge = visitor.forge()
    if (role === 'timestamp') forge.stamp({ timestamp: (signed) => (signed.expires = inDays(-5)) })
    else if (role === 'snapshot') forge.vouch({ snapshot: (signed) => (signed.expires = inDays(-5)) })
    else {
      forge.edit(role, (signed) => (signed.expires = inDays(-5)))
      forge.vouch()
    }
    await expectRefused('METADATA_STALE')
  })

  test('the last root that has expired is refused, one on the way is not', async () => {
    const forge = visitor.forge()
    forge.edit('root', (root) => (root.expires = inDays(-5)))
    await expectRefused('METADATA_STALE')
    forge.edit('root', (root) => (root.expires = inDays(5)))
    await visitor.refresh()
    expect(visitor.version('root')).toBe(3)
  })

  // TUF §5.3.8 and §5.3.10.
  test('a root that verified is kept, also when what comes after it is not to be trusted', async () => {
    const forge = visitor.forge()
    forge.edit('root', (root) => (root.expires = inDays(-5)))
    await expectRefused('METADATA_STALE')
    expect(visitor.version('root')).toBe(2)
  })

  test('a key that was revoked stays so, also when the refresh that said so did not come to its end', async () => {
    const forge = visitor.forge()
    const stolen = forge.keysOf('timestamp')
    forge.rotate('timestamp')
    // One mirror gives the new root, and then nothing; the next hides it, and has the key that was revoked.
    await expectRefused()
    forge.keys.set('timestamp', stolen)
    forge.stamp()
    visitor.server.fault = ({ path }) =>
      path.endsWith('.root.json') ? { kind: 'status', status: 404 } : undefined
    await expectRefused()
  })

  test('a timestamp and a snapshot that expired on the machine still tell what is older', async () => {
    await visitor.refresh()
    const forge = visitor.forge()
    forge.edit('channels', (channels) => (channels.expires = inDays(40)))
    forge.vouch({
      snapshot: (snapshot) => (snapshot.expires = inDays(40)),
      timestamp: (timestamp) => (timestamp.expires = inDays(40)),
    })
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 18 * dayMs })
    await visitor.refresh()
    expect(roles.map((role) => visitor.version(role))).toEqual([3, 3, 1, 2, 3])
  })
})

describe('test_rollback', () => {
  test('an older snapshot below the timestamp that is kept is not even asked for', async () => {
    await visitor.refresh()
    visitor.server.forget()
    visitor.server.rewrite = (path, body) => (path.endsWith('snapshot.json') ? Buffer.from('{}') : body)
    await visitor.refresh()
    expect(visitor.asked).toEqual(['2.root', 'timestamp'])
    expect(visitor.version('snapshot')).toBe(2)
  })

  test('an older timestamp is refused', async () => {
    const forge = visitor.forge()
    const older = forge.signed('timestamp')
    forge.stamp()
    await visitor.refresh()
    forge.write('timestamp', older)
    await expectRefused()
  })

  test.each([
    ['without', false],
    ['with', true],
  ])('an older snapshot below a newer timestamp %s digests is refused', async (_, digests) => {
    const forge = visitor.forge()
    forge.vouch({ digests })
    await visitor.refresh()
    forge.write('snapshot', { ...forge.signed('snapshot'), version: 1 })
    forge.stamp({ digests })
    await expectRefused()
    expect(visitor.asked.at(-1)).toBe('timestamp')
  })

  test.each([
    ['without', false],
    ['with', true],
  ])('older targets below a newer snapshot %s digests are refused', async (_, digests) => {
    for (const role of ['targets', 'releases', 'channels']) {
      visitor.renew()
      const forge = visitor.forge()
      const older = forge.signed(role)
      forge.edit(role)
      forge.vouch({ digests })
      await visitor.refresh()
      forge.write(role, older)
      forge.vouch({ digests })
      await expectRefused()
    }
  })

  test('a snapshot of another version than the timestamp says is refused', async () => {
    const forge = visitor.forge()
    forge.vouch()
    const { version } = forge.signed('snapshot')
    forge.stamp({
      digests: false,
      timestamp: ({ meta }) => (meta['snapshot.json'] = { version: version + 1 }),
    })
    writeFileSync(
      join(visitor.repository, `tuf/metadata/${version + 1}.snapshot.json`),
      forge.bytes('snapshot'),
    )
    await expectRefused()
  })

  test.each([
    ['timestamp', ['timestamp']],
    ['snapshot', ['snapshot', 'timestamp']],
    ['targets', ['snapshot']],
  ] as const)('%s that ran far ahead come back with other keys of %j', async (role, rotated) => {
    const forge = visitor.forge()
    const before = forge.signed(role).version
    const far = (signed: Signed): number => (signed.version = 99_999)
    if (role === 'timestamp') forge.stamp({ timestamp: far })
    else if (role === 'snapshot') forge.vouch({ snapshot: far })
    else {
      forge.edit(role, far)
      forge.vouch()
    }
    await visitor.refresh()
    expect(visitor.version(role)).toBe(99_999)
    for (const each of rotated) forge.rotate(each)
    const back = (signed: Signed): number => (signed.version = before)
    if (role === 'targets') forge.edit(role, back)
    forge.vouch({
      ...(role === 'snapshot' && { snapshot: back }),
      ...(role === 'timestamp' && { timestamp: back }),
    })
    await visitor.refresh()
    expect(visitor.version(role)).toBe(before)
  })
})

describe('beyond the suite', () => {
  test('roles that nobody delegates to are not asked for', async () => {
    const forge = visitor.forge()
    forge.vouch({ snapshot: ({ meta }) => (meta['strange.json'] = { version: 7 }) })
    await visitor.refresh()
    expect(visitor.asked).not.toContain('7.strange')
    expect(readdirSync(visitor.trust)).not.toContain('strange.json')
  })

  test.each([
    ['root', '2.root', 512_000],
    ['timestamp', 'timestamp', 16_384],
  ])('a %s of more bytes than the limit is refused, however well it is signed', async (role, name, limit) => {
    const forge = visitor.forge()
    forge.edit(role, (signed) => (signed['padding'] = 'x'.repeat(limit)))
    await expectRefused('SERVER_REFUSED')
    expect(visitor.asked.at(-1)).toBe(name)
  })

  test('slow retrieval: metadata that trickles is given up in time', async () => {
    visitor.server.fault = ({ path }) =>
      path.endsWith('timestamp.json') ? { kind: 'drip', everyMs: 5 } : undefined
    const impatient = { timeoutMs: 100, minBytesPerSecond: 1_000_000, attempts: 2 }
    await expect(visitor.refresh(impatient)).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' })
    expect(visitor.version('timestamp')).toBeUndefined()
  })

  test('drop-request: a server that says nothing is given up in time', async () => {
    visitor.server.fault = () => ({ kind: 'silence' })
    const impatient = { timeoutMs: 100, attempts: 2 }
    await expect(visitor.refresh(impatient)).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' })
    expect(visitor.version('timestamp')).toBeUndefined()
  })
})
