import { createPublicKey } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { trust, type Forge } from './forge.ts'
import { ForgeKey } from './forge-key.ts'
import { Visitor } from './visitor.ts'

// The cases of the conformance suite of The Update Framework's clients (theupdateframework/tuf-conformance: keys and
// key rotations), against ours. Each `describe` has a file of that suite as its name.

let visitor: Visitor
const keys = ForgeKey.several(10)
const at = (...numbers: readonly number[]): ForgeKey[] => numbers.flatMap((number) => keys[number] ?? [])

beforeAll(async () => {
  visitor = await Visitor.begin()
})
afterEach(() => visitor.renew())
afterAll(async () => visitor[Symbol.asyncDispose]())

/** Which keys a role has, how many of them must sign, and which do. */
type Step = readonly [keys: readonly number[], threshold: number, signers: readonly number[]]

const five = [0, 1, 2, 3, 4]

function pemOf(publicHex: string): string {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(publicHex, 'hex')])
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  return key.export({ type: 'spki', format: 'pem' }).toString()
}

const goodRoots: readonly (readonly [string, readonly Step[]])[] = [
  ['another key for one', [[[1], 1, [1]], [[2], 1, [2, 1]], [[2], 1, [2]]]], // prettier-ignore
  ['signatures of strangers beside the right ones', [[[1], 1, [3, 1, 4]], [[2], 1, [3, 2, 1, 4]], [[2], 1, [3, 2, 4]]]], // prettier-ignore
  ['any three of five', [[five, 3, [0, 2, 4]], [five, 3, [0, 4, 1]], [five, 3, [0, 1, 3]], [five, 3, [2, 3, 4]]]], // prettier-ignore
  ['one of five replaced, three old and three new ones signing', [[five, 3, [0, 2, 4]], [[0, 1, 3, 4, 5], 3, [0, 4, 1]]]], // prettier-ignore
  ['one of five replaced, the lost one signing for the last time', [[five, 3, [0, 2, 4]], [[0, 1, 3, 4, 5], 3, [0, 2, 4, 5]], [[0, 1, 3, 4, 5], 3, [0, 4, 5]]]], // prettier-ignore
  ['all of five replaced', [[five, 3, [0, 2, 4]], [[5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7]], [[5, 6, 7, 8, 9], 3, [5, 6, 7]]]], // prettier-ignore
  [
    'a threshold that rises',
    [
      [[1, 2, 3], 1, [1]],
      [[1, 2, 3], 2, [1, 2]],
    ],
  ],
  [
    'a threshold that falls',
    [
      [[1, 2, 3], 2, [1, 2]],
      [[1, 2, 3], 1, [1, 2]],
      [[1, 2, 3], 1, [1]],
    ],
  ],
  [
    'a second key that has to sign',
    [
      [[1], 1, [1]],
      [[1, 2], 2, [1, 2]],
    ],
  ],
]

const badRoots: readonly (readonly [string, readonly Step[]])[] = [
  [
    'the old key',
    [
      [[1], 1, [1]],
      [[2], 1, [2, 3, 4]],
    ],
  ],
  [
    'the new key',
    [
      [[1], 1, [1]],
      [[2], 1, [1, 3, 4]],
    ],
  ],
  [
    'three of the new keys',
    [
      [five, 3, [0, 2, 4]],
      [[0, 1, 3, 4, 5], 3, [0, 2, 4]],
    ],
  ],
  [
    'three of the old keys',
    [
      [five, 3, [0, 2, 4]],
      [[0, 1, 3, 4, 5], 3, [0, 4, 5]],
    ],
  ],
  [
    'as many as the new threshold asks for',
    [
      [[1, 2, 3], 1, [1]],
      [[1, 2, 3], 2, [2]],
    ],
  ],
  [
    'as many as the old threshold asked for',
    [
      [[1, 2, 3], 2, [1, 2]],
      [[1, 2, 3], 1, [1]],
    ],
  ],
]

/** Writes roots from the first on, which the client trusts. */
function writeRoots(forge: Forge, steps: readonly Step[]): void {
  for (const [i, [role, threshold, signers]] of steps.entries()) {
    const root = forge.signed('root')
    root.version = i + 1
    trust(root, 'root', at(...role), threshold)
    const bytes = forge.write('root', root, { keys: at(...signers) })
    if (i === 0) visitor.trustOnly(bytes)
  }
}

describe('test_updater_key_rotations', () => {
  test.each(goodRoots)('root: %s', async (_, steps) => {
    writeRoots(visitor.forge(), steps)
    await visitor.refresh()
    expect(visitor.version('root')).toBe(steps.length)
  })

  test.each(badRoots)('root: refused without the signatures of %s', async (_, steps) => {
    writeRoots(visitor.forge(), steps)
    await expect(visitor.refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
    expect(visitor.version('root')).toBe(steps.length - 1)
    expect(visitor.version('timestamp')).toBeUndefined()
  })

  const steps: readonly (readonly [string, Step, boolean])[] = [
    ['another key', [[2], 1, [2]], true],
    ['strangers’ signatures beside the right one', [[1], 1, [3, 1, 4]], true],
    ['three of five: the first, third and fifth', [five, 3, [0, 2, 4]], true],
    ['three of five: the first, fifth and second', [five, 3, [0, 4, 1]], true],
    ['three of five: the first, second and fourth', [five, 3, [0, 1, 3]], true],
    ['three of five: the last three', [five, 3, [2, 3, 4]], true],
    ['strangers’ signatures instead', [[2], 1, [1, 3, 4]], false],
    ['three of five: one of them another key', [[0, 1, 3, 4, 5], 3, [0, 2, 4]], false],
    ['three of five: two', [[0, 1, 3, 4, 5], 3, [0, 4]], false],
  ]

  test.each(
    ['timestamp', 'snapshot', 'targets'].flatMap((role) =>
      steps.map(([name, step, good]) => [role, name, step, good] as const),
    ),
  )('%s: %s', async (role, _, [own, threshold, signers], good) => {
    const forge = visitor.forge()
    await visitor.refresh()
    forge.rotate(role, at(...own), threshold)
    forge.keys.set(role, at(...signers))
    if (role === 'targets') forge.edit('targets')
    forge.vouch()
    if (good) await visitor.refresh()
    else await expect(visitor.refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
    expect(visitor.version(role)).toBe((role === 'targets' ? 1 : 2) + Number(good))
  })

  test.each(
    ['releases', 'channels'].flatMap((role) =>
      steps.map(([name, step, good]) => [role, name, step, good] as const),
    ),
  )('delegated %s: %s', async (role, _, [own, threshold, signers], good) => {
    const forge = visitor.forge()
    await visitor.refresh()
    forge.delegate(role, at(...own), threshold)
    forge.keys.set(role, at(...signers))
    forge.edit(role)
    forge.vouch()
    if (good) await visitor.refresh()
    else await expect(visitor.refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
    expect(visitor.version(role)).toBe(2 + Number(good))
  })

  test('root: a hundred at once', async () => {
    const forge = visitor.forge()
    for (let i = 0; i < 100; i++) forge.rotate('root')
    forge.rotate('timestamp')
    forge.stamp()
    await visitor.refresh()
    expect(visitor.version('root')).toBe(102)
  })

  test('root: more than one run takes, of which the last has another timestamp key, in several runs', async () => {
    const forge = visitor.forge()
    for (let i = 0; i < 260; i++) forge.edit('root')
    forge.rotate('timestamp')
    forge.stamp()
    for (let run = 0; run < 2; run++) await visitor.refresh().catch(() => undefined)
    expect(visitor.version('root')).toBe(262)
  })

  test('root: a number that is left out ends the way', async () => {
    const forge = visitor.forge()
    forge.edit('root', (root) => root.version++)
    await visitor.refresh()
    expect(visitor.version('root')).toBe(1)
  })

  test('root: a good root under the name of the next is refused', async () => {
    const forge = visitor.forge()
    forge.edit('root')
    const third = forge.edit('root')
    visitor.server.rewrite = (path, body) => (path.endsWith('2.root.json') ? third : body)
    await expect(visitor.refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
    expect(visitor.version('root')).toBe(1)
  })
})

describe('test_keys', () => {
  test('a threshold of more keys than a role has is never reached', async () => {
    const forge = visitor.forge()
    await visitor.refresh()
    forge.rotate('snapshot', at(...five), 6)
    forge.vouch()
    await expect(visitor.refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
    expect(visitor.version('snapshot')).toBe(2)
  })

  test('key ids that a root names for a role, and has no keys for, count for nothing', async () => {
    await visitor.refresh()
    const forge = visitor.forge()
    forge.edit('root', (root) => {
      root.roles['snapshot'] = {
        keyids: [...(root.roles['snapshot']?.keyids ?? []), ...at(1, 2).map(({ id }) => id)],
        threshold: 2,
      }
    })
    forge.keys.set('snapshot', [...forge.keysOf('snapshot'), ...at(1, 2)])
    forge.vouch()
    await expect(visitor.refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
  })

  test('one key id that a role names several times is not trusted', async () => {
    await visitor.refresh()
    const forge = visitor.forge()
    forge.edit('root', (root) => {
      const [id = ''] = root.roles['snapshot']?.keyids ?? []
      root.roles['snapshot'] = { keyids: [id, id, id], threshold: 2 }
    })
    forge.vouch()
    await expect(visitor.refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
    expect(visitor.version('snapshot')).toBe(2)
  })

  test('one signature several times is one signature', async () => {
    const forge = visitor.forge()
    forge.rotate('snapshot', at(1, 2), 2)
    forge.edit('snapshot', () => undefined, { signatures: ([first]) => (first ? [first, first] : []) })
    forge.stamp()
    await expect(visitor.refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
  })

  // tuf-js counts key ids and does not look whether an id is that of its key: one key under two ids is two. Our client
  // refuses what has such keys before tuf-js sees it.
  test('one key under several ids is one key', async () => {
    await visitor.refresh()
    const forge = visitor.forge()
    const [key] = at(1)
    const ids = ['a', 'b', 'c'].map((digit) => digit.repeat(64))
    forge.edit('root', (root) => {
      for (const id of ids) root.keys[id] = key?.entry
      root.roles['snapshot'] = { keyids: ids, threshold: 3 }
    })
    forge.edit('snapshot', () => undefined, {
      signatures: () =>
        ids.map((keyid) => ({ keyid, sig: key?.sign(forge.signed('snapshot') as never).sig ?? '' })),
    })
    const signed = forge.signed('snapshot')
    forge.write('snapshot', signed, {
      signatures: () => ids.map((keyid) => ({ keyid, sig: key?.sign(signed as never).sig ?? '' })),
    })
    forge.stamp()
    await expect(visitor.refresh()).rejects.toMatchObject({ code: 'UNTRUSTED' })
  })

  test.each([
    ['lower and upper case', (hex: string) => hex.toUpperCase()],
    ['hexadecimal digits and PEM', pemOf],
    ['hexadecimal digits and one digit too many', (hex: string) => `${hex}0`],
  ])('one key in two spellings is one key: %s', async (_name, respell) => {
    const forge = visitor.forge()
    const [key] = at(1)
    const entry = key?.entry as { keyval: { public: string } }
    const ids = ['a', 'b'].map((digit) => digit.repeat(64))
    forge.edit('targets', ({ delegations }) => {
      delegations.keys[ids[0] ?? ''] = entry
      delegations.keys[ids[1] ?? ''] = { ...entry, keyval: { public: respell(entry.keyval.public) } }
    })
    forge.vouch()
    await expect(visitor.refresh()).rejects.toMatchObject({
      code: 'UNTRUSTED',
      message: expect.stringContaining(ids.join(' and ')) as string,
    })
  })

  test('members of a key that TUF does not know are no reason to refuse it', async () => {
    const forge = visitor.forge()
    forge.edit('root', (root) => {
      for (const key of Object.values(root.keys))
        Object.assign(key as object, { keyid_hash_algorithms: ['md5'] })
    })
    await visitor.refresh()
    expect(visitor.version('root')).toBe(2)
  })

  test('a key of a kind that nobody knows signs nothing, and does not keep the others from it', async () => {
    const forge = visitor.forge()
    const strange = { keytype: 'strange', scheme: 'strange', keyval: { public: '00' } }
    forge.edit('root', (root) => {
      root.keys['f'.repeat(64)] = strange
      root.roles['timestamp']?.keyids.push('f'.repeat(64))
    })
    await visitor.refresh()
    expect(visitor.version('root')).toBe(2)
  })
})
