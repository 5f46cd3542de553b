import { cpSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { applyDraft, type ApplyOutcome } from '../../../src/repository/apply-draft.ts'
import { createRepository } from '../../../src/repository/create-repository.ts'
import { proposeKeys, type KeyChange } from '../../../src/repository/propose-keys.ts'
import { refreshExpiry } from '../../../src/repository/refresh.ts'
import { loadState, type RepositoryState } from '../../../src/repository/repository-state.ts'
import { unfinishedDraft } from '../../../src/repository/unfinished-draft.ts'
import { decodeDraft, encodeDraft, mergeDrafts, signDraft, type Draft } from '../../../src/trust/draft.ts'
import { createKeyFile, noPassphrase, openKeyFile } from '../../../src/trust/key-file.ts'
import { KeyRing } from '../../../src/trust/key-ring.ts'
import type { RoleName } from '../../../src/trust/role.ts'
import type { Signer } from '../../../src/trust/signer.ts'
import { SigningKey } from '../../../src/trust/signing-key.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { FaultyStore } from '../../support/faulty-store.ts'
import { contentsOf } from '../../support/publisher.ts'

const now = new Date()
let directory: string
let store: MemoryStore

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vend-apply-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  store = new MemoryStore()
  const shares = { root: { threshold: 2, keys: 3 }, snapshot: { threshold: 1, keys: 2 } }
  await createRepository({ store, keys: ring(), now }, { shares })
})

/** As another process would open it. */
function ring(): KeyRing {
  return new KeyRing(directory)
}

function keyAt(name: string): Signer {
  return openKeyFile(join(directory, `${name}.pem`), noPassphrase)
}

/** Makes a key, and answers the change that puts it into the place of another. */
function replaced(role: RoleName, name: string, by: string): KeyChange[] {
  createKeyFile(join(directory, `${by}.pem`), SigningKey.generate().toPem())
  return [
    { kind: 'add', role, key: keyAt(by).key },
    { kind: 'remove', role, id: keyAt(name).key.keyID },
  ]
}

async function state(from: BlobStore = store): Promise<RepositoryState> {
  return loadState(from, { trustedRoot: ring().trustedRoot() })
}

async function draftOf(changes: readonly KeyChange[], ...signers: readonly string[]): Promise<Draft> {
  const draft = await proposeKeys(await state(), changes, { store, now })
  for (const name of signers) await signDraft(draft, keyAt(name))
  return decodeDraft(encodeDraft(draft), 'draft.json')
}

async function apply(draft: Draft, into: BlobStore = store): Promise<ApplyOutcome> {
  return applyDraft({ store: into, keys: ring(), now }, draft)
}

const oneOfRoots = ['root-1', 'root-2'] as const

test('a draft says what it replaces and survives its file', async () => {
  const draft = await draftOf(replaced('root', 'root-3', 'root-4'), ...oneOfRoots)
  expect(encodeDraft(decodeDraft(encodeDraft(draft), 'x'))).toBe(encodeDraft(draft))
  const { renewed, isSeamless } = await apply(draft)
  expect({ renewed, isSeamless }).toEqual({ renewed: ['root'], isSeamless: true })
  expect((await state()).root.metadata.signed.roles['root']?.keyIDs).toContain(keyAt('root-4').key.keyID)
  await refreshExpiry({ store, keys: ring(), now }, { all: true })
})

test('signatures from several machines are merged, and too few are refused with nothing stored', async () => {
  const changes = replaced('root', 'root-3', 'root-4')
  const draft = await proposeKeys(await state(), changes, { store, now })
  const copies = ['root-1', 'root-2', 'root-4'].map((name) => ({ name, text: encodeDraft(draft) }))
  const signed: Draft[] = []
  for (const { name, text } of copies) {
    const copy = decodeDraft(text, name)
    await signDraft(copy, keyAt(name))
    signed.push(copy)
  }
  const [one, two, four] = signed as [Draft, Draft, Draft]
  const before = await contentsOf(store)
  // The keys of the next root are enough for it, and not for the root before.
  for (const few of [[one], [one, four]] as const) {
    await expect(
      apply(mergeDrafts(few.map((each) => decodeDraft(encodeDraft(each), 'x')) as [Draft])),
    ).rejects.toMatchObject({
      code: 'THRESHOLD_UNMET',
    })
  }
  expect(await contentsOf(store)).toEqual(before)
  await apply(mergeDrafts([four, two, one]))
  expect((await state()).root.metadata.signed.version).toBe(2)
})

test('a key that no role of the draft asks for is refused', async () => {
  const draft = await draftOf(replaced('timestamp', 'timestamp', 'timestamp-2'))
  for (const name of ['timestamp', 'timestamp-2', 'targets', 'releases'])
    await expect(signDraft(draft, keyAt(name))).rejects.toMatchObject({ code: 'KEY_WRONG' })
})

test('copies of different drafts, and a signature over another document, are refused', async () => {
  const one = await draftOf([{ kind: 'renew', role: 'root' }], ...oneOfRoots)
  const other = await draftOf([{ kind: 'threshold', role: 'root', threshold: 1 }], ...oneOfRoots)
  expect(() => mergeDrafts([one, other])).toThrow(expect.objectContaining({ code: 'DRAFT_INVALID' }))
  const mixed = JSON.parse(encodeDraft(other)) as { root: { signatures: unknown } }
  mixed.root.signatures = (JSON.parse(encodeDraft(one)) as typeof mixed).root.signatures
  await expect(apply(decodeDraft(JSON.stringify(mixed), 'x'))).rejects.toMatchObject({
    code: 'THRESHOLD_UNMET',
  })
})

test.each([
  ['a threshold above the keys', [{ kind: 'threshold', role: 'targets', threshold: 2 }]],
  ['a key that the role has not', [{ kind: 'remove', role: 'root', id: '0123456789' }]],
  ['no change', []],
] as const)('%s is refused', async (_what, changes) => {
  await expect(draftOf(changes)).rejects.toMatchObject({ code: 'DRAFT_INVALID' })
})

test('a draft that was overtaken is refused', async () => {
  const late = await draftOf([{ kind: 'renew', role: 'root' }], ...oneOfRoots)
  await apply(await draftOf([{ kind: 'threshold', role: 'root', threshold: 3 }], ...oneOfRoots, 'root-3'))
  await expect(apply(late)).rejects.toMatchObject({ code: 'PUBLISH_CONFLICT' })
})

test('refresh says which keys are missing when it has too few', async () => {
  rmSync(join(directory, 'root-2.pem'))
  rmSync(join(directory, 'root-3.pem'))
  const before = await contentsOf(store)
  await expect(refreshExpiry({ store, keys: ring(), now }, { all: true })).rejects.toMatchObject({
    code: 'THRESHOLD_UNMET',
    message: expect.stringMatching(
      /"root" needs 2 signatures, and .* has 1 of its keys; .*not here: [0-9a-f]{12}, /,
    ) as string,
  })
  expect(await contentsOf(store)).toEqual(before)
})

const rotations: readonly (readonly [string, () => readonly KeyChange[], readonly string[]])[] = [
  ['root', () => replaced('root', 'root-3', 'root-4'), ['root-1', 'root-2']],
  [
    'targets',
    () => replaced('targets', 'targets', 'targets-2'),
    ['root-1', 'root-2', 'targets-2', 'targets'],
  ],
  ['releases', () => replaced('releases', 'releases', 'releases-2'), ['targets']],
  [
    'both online keys',
    () => [
      ...replaced('snapshot', 'snapshot-1', 'snapshot-9'),
      ...replaced('timestamp', 'timestamp', 'timestamp-2'),
    ],
    ['root-1', 'root-2'],
  ],
  [
    'everything',
    () => [
      ...replaced('root', 'root-3', 'root-4'),
      ...replaced('targets', 'targets', 'targets-2'),
      ...replaced('releases', 'releases', 'releases-2'),
      ...replaced('channels', 'channels', 'channels-2'),
      ...replaced('timestamp', 'timestamp', 'timestamp-2'),
    ],
    ['root-1', 'root-2', 'targets-2', 'targets'],
  ],
]

test.each(rotations)(
  'with the old keys at hand, a change of %s that dies at any write leaves a repository that reads',
  async (_what, changes, signers) => {
    const made = changes()
    const draft = await draftOf(made, ...signers)
    const writes = await countWrites(draft)
    expect(writes).toBeGreaterThan(0)
    for (let index = 0; index < writes; index++) {
      for (const moment of ['before', 'after'] as const) {
        const copy = await copyOf(store)
        await expect(apply(draft, dyingAt(copy, index, moment))).rejects.toThrow('dead')
        await state(copy)
        await apply(draft, copy)
        const after = await state(copy)
        for (const change of made) expectChanged(after, change)
      }
    }
  },
)

test('without the old keys, a change that dies at any write is completed', async () => {
  const made = [
    ...replaced('snapshot', 'snapshot-1', 'snapshot-9'),
    { kind: 'remove', role: 'snapshot', id: keyAt('snapshot-2').key.keyID } as const,
    ...replaced('timestamp', 'timestamp', 'timestamp-2'),
  ]
  const draft = await draftOf(made, 'root-1', 'root-2')
  for (const name of ['snapshot-1', 'snapshot-2', 'timestamp'])
    renameSync(join(directory, `${name}.pem`), join(directory, `${name}.lost`))
  const writes = await countWrites(draft)
  for (let index = 0; index < writes; index++) {
    const copy = await copyOf(store)
    await expect(apply(draft, dyingAt(copy, index, 'after'))).rejects.toThrow('dead')
    await apply(draft, copy)
    for (const id of roleKeys(await state(copy), 'timestamp')) expect(id).toBe(keyAt('timestamp-2').key.keyID)
  }
})

/** Online keys that are gone, and a commit of whoever has them that comes between the root and the timestamp. */
async function overtaken(
  draft: Draft,
  meanwhile: (copy: MemoryStore, old: KeyRing) => Promise<unknown>,
): Promise<MemoryStore> {
  const old = new KeyRing(`${directory}-old`)
  const copy = await copyOf(store)
  const racing = new FaultyStore(copy, {
    onWrite: async ({ key, moment }) => {
      if (key === 'tuf/metadata/2.root.json' && moment === 'before') await meanwhile(copy, old)
    },
  })
  await expect(apply(draft, racing)).rejects.toMatchObject({ code: 'PUBLISH_CONFLICT' })
  await expect(state(copy)).rejects.toMatchObject({
    code: 'METADATA_INVALID',
    hint: expect.stringContaining('vend keys apply') as string,
  })
  return copy
}

/** The keys as they were lie in a directory of their own; of those online the repository's directory has new ones alone. */
function loseOnlineKeys(): readonly KeyChange[] {
  const old = `${directory}-old`
  cpSync(directory, old, { recursive: true })
  onTestFinished(() => rmSync(old, { recursive: true }))
  const made = [
    ...replaced('snapshot', 'snapshot-1', 'snapshot-9'),
    { kind: 'remove', role: 'snapshot', id: keyAt('snapshot-2').key.keyID } as const,
    ...replaced('timestamp', 'timestamp', 'timestamp-2'),
  ]
  for (const name of ['snapshot-1', 'snapshot-2', 'timestamp'])
    renameSync(join(directory, `${name}.pem`), join(directory, `${name}.lost`))
  return made
}

const refreshed = async (copy: MemoryStore, old: KeyRing): Promise<unknown> =>
  refreshExpiry({ store: copy, keys: old, now })

test('a race that was lost without the old keys is completed by the same draft with other signatures', async () => {
  const changes = loseOnlineKeys()
  const draft = await draftOf(changes, 'root-1', 'root-2')
  const copy = await overtaken(draft, refreshed)
  const others = await draftOf(changes, 'root-2', 'root-3')
  await apply(others, copy)
  expect(roleKeys(await state(copy), 'timestamp')).toEqual([keyAt('timestamp-2').key.keyID])
  // As machines have seen it.
  expect(Object.keys((await state(copy)).root.metadata.signatures)).toEqual(
    Object.keys(draft.root?.signatures ?? {}),
  )
})

test('a race that was lost without the old keys is completed without any draft', async () => {
  const copy = await overtaken(await draftOf(loseOnlineKeys(), 'root-1', 'root-2'), refreshed)
  const context = { store: copy, keys: ring(), now }
  const unfinished = await unfinishedDraft(context)
  expect(unfinished?.root?.signed.version).toBe(2)
  if (unfinished !== undefined) await apply(unfinished, copy)
  expect(roleKeys(await state(copy), 'timestamp')).toEqual([keyAt('timestamp-2').key.keyID])
  expect(await unfinishedDraft(context)).toBeUndefined()
})

test('another draft is told to wait for the one that was begun', async () => {
  const changes = loseOnlineKeys()
  const other = await draftOf([{ kind: 'threshold', role: 'root', threshold: 3 }], ...oneOfRoots, 'root-3')
  const copy = await overtaken(await draftOf(changes, 'root-1', 'root-2'), refreshed)
  await expect(apply(other, copy)).rejects.toMatchObject({
    code: 'PUBLISH_CONFLICT',
    hint: expect.stringContaining('"vend keys apply" without a draft') as string,
  })
})

test('where the winner signed the targets too, the root is completed, and the rest proposed again', async () => {
  const changes = [...loseOnlineKeys(), ...replaced('releases', 'releases', 'releases-2')]
  const draft = await draftOf(changes, 'root-1', 'root-2', 'targets')
  const copy = await overtaken(draft, async (winner, old) => {
    const renewed = await proposeKeys(await state(winner), [{ kind: 'renew', role: 'targets' }], {
      store: winner,
      now,
    })
    await signDraft(renewed, keyAt('targets'))
    await applyDraft({ store: winner, keys: old, now }, renewed)
  })
  await expect(apply(draft, copy)).rejects.toMatchObject({
    code: 'PUBLISH_CONFLICT',
    hint: expect.stringContaining('"vend keys apply" without a draft') as string,
  })
  const unfinished = await unfinishedDraft({ store: copy, keys: ring(), now })
  if (unfinished !== undefined) await apply(unfinished, copy)
  expect(roleKeys(await state(copy), 'timestamp')).toEqual([keyAt('timestamp-2').key.keyID])
  expect(roleKeys(await state(copy), 'releases')).toEqual([keyAt('releases').key.keyID])
})

test('a change of the targets key that ended behind its root is completed without its draft', async () => {
  const changes = [...loseOnlineKeys(), ...replaced('targets', 'targets', 'targets-2')]
  const draft = await draftOf(changes, 'root-1', 'root-2', 'targets-2')
  const copy = await overtaken(draft, refreshed)
  const unfinished = await unfinishedDraft({ store: copy, keys: ring(), now })
  expect(unfinished?.targets?.signed.toJSON()).toEqual(draft.targets?.signed.toJSON())
  if (unfinished !== undefined) await apply(unfinished, copy)
  expect(roleKeys(await state(copy), 'targets')).toEqual([keyAt('targets-2').key.keyID])
})

function roleKeys({ root, targets }: RepositoryState, role: RoleName): readonly string[] {
  const delegated = targets.metadata.signed.delegations?.roles?.[role]
  return (delegated ?? root.metadata.signed.roles[role])?.keyIDs ?? []
}

function expectChanged(after: RepositoryState, change: KeyChange): void {
  const keys = roleKeys(after, change.role)
  if (change.kind === 'add') expect(keys).toContain(change.key.keyID)
  if (change.kind === 'remove') expect(keys).not.toContain(change.id)
}

async function copyOf(from: MemoryStore): Promise<MemoryStore> {
  const copy = new MemoryStore()
  for await (const { key } of from.list('')) {
    const { stream } = await from.get(key)
    await copy.put(key, Buffer.concat((await stream.toArray()) as Uint8Array[]))
  }
  return copy
}

function dyingAt(inner: BlobStore, at: number, when: 'before' | 'after'): FaultyStore {
  return new FaultyStore(inner, {
    onWrite: ({ index, moment }) => {
      if (index === at && moment === when) throw new Error('dead')
    },
  })
}

async function countWrites(draft: Draft): Promise<number> {
  let writes = 0
  const counting = new FaultyStore(await copyOf(store), {
    onWrite: ({ moment }) => void (writes += Number(moment === 'after')),
  })
  await apply(draft, counting)
  return writes
}

test('another key under the id of one that is known is refused', async () => {
  const draft = await draftOf([{ kind: 'renew', role: 'root' }])
  const stranger = SigningKey.generate().key.keyVal['public'] ?? ''
  for (const role of ['targets', 'root-1']) {
    const { keyID, keyVal } = keyAt(role).key
    const swapped = encodeDraft(draft).replaceAll(keyVal['public'] ?? '', stranger)
    expect(() => decodeDraft(swapped, 'x'), keyID).toThrow(expect.objectContaining({ code: 'DRAFT_INVALID' }))
  }
})

test('a draft whose root does not know who has signed the targets since is refused, with nothing stored', async () => {
  createKeyFile(join(directory, 'targets-2.pem'), SigningKey.generate().toPem())
  await apply(await draftOf([{ kind: 'add', role: 'targets', key: keyAt('targets-2').key }], ...oneOfRoots))
  const { targets } = await state()
  const [signer] = Object.keys(targets.metadata.signatures)
  const [stays, goes] =
    signer === keyAt('targets').key.keyID ? ['targets', 'targets-2'] : ['targets-2', 'targets']
  const removal = await draftOf(
    [{ kind: 'remove', role: 'targets', id: keyAt(goes).key.keyID }],
    ...oneOfRoots,
  )
  expect(removal.targets).toBeUndefined()
  await apply(await draftOf([{ kind: 'renew', role: 'targets' }], goes))
  const before = await contentsOf(store)
  await expect(apply(removal)).rejects.toMatchObject({ code: 'PUBLISH_CONFLICT' })
  expect(await contentsOf(store)).toEqual(before)
  expect(keyAt(stays).key.keyID).toBe(signer)
  await state()
})
