import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Snapshot } from '@tufjs/models'
import { expect, onTestFinished, test } from 'vitest'
import type { JsonValue } from '../../../manifests/canonical-json.ts'
import { applyDraft } from '../../../src/repository/apply-draft.ts'
import { commonFields, signTimestamp, type Signing } from '../../../src/repository/commit.ts'
import { checkpointKey, metadataKey, timestampKey } from '../../../src/repository/layout.ts'
import { proposeKeys, type KeyChange } from '../../../src/repository/propose-keys.ts'
import { refreshExpiry } from '../../../src/repository/refresh.ts'
import { checkpointText } from '../../../src/transparency/checkpoint.ts'
import { signNote } from '../../../src/transparency/signed-note.ts'
import { signDraft } from '../../../src/trust/draft.ts'
import { createKeyFile } from '../../../src/trust/key-file.ts'
import { defaultLifetimes } from '../../../src/trust/lifetime.ts'
import { signMetadata } from '../../../src/trust/sign-metadata.ts'
import { SigningKey } from '../../../src/trust/signing-key.ts'
import { LoggedRepository } from '../../support/logged-repository.ts'
import { bytesIn } from '../../support/publisher.ts'

// A thief of both online keys who could write to the store too has signed a head of the log that it never had.

async function newRepository(): Promise<LoggedRepository> {
  const repository = await LoggedRepository.create()
  onTestFinished(() => {
    repository[Symbol.dispose]()
  })
  return repository
}

/** Makes the repository say this of its log, by its own online keys. */
async function invent(repository: LoggedRepository, log: JsonValue | undefined): Promise<void> {
  const { store, keys, now } = repository
  const state = await repository.state()
  const version = state.snapshot.metadata.signed.version + 1
  const { meta } = state.snapshot.metadata.signed
  const snapshot = await signMetadata(
    new Snapshot({
      ...commonFields({ now }, defaultLifetimes.snapshot, version),
      meta,
      unrecognizedFields: log === undefined ? {} : { log: log as never },
    }),
    keys.signers('snapshot'),
  )
  await store.put(metadataKey('snapshot', version), snapshot.bytes)
  const signing: Signing = { signers: (role) => keys.signers(role), lifetimes: defaultLifetimes }
  const next = state.timestamp.metadata.signed.version + 1
  await store.put(timestampKey, (await signTimestamp({ now }, snapshot, next, signing)).bytes)
}

/** As the drill does; the stolen keys may still lie in the key directory. */
async function changeOnlineKeys(repository: LoggedRepository, isOldKept = true): Promise<void> {
  const { keys, store, now } = repository
  const changes = (['snapshot', 'timestamp'] as const).flatMap((role): KeyChange[] => {
    const old = keys.signers(role).map((signer) => signer.key.keyID)
    const added = SigningKey.generate()
    createKeyFile(join(keys.directory, `${role}-2.pem`), added.toPem())
    const removals = old.map((id): KeyChange => ({ kind: 'remove', role, id }))
    return removals.concat({ kind: 'add', role, key: added.key })
  })
  const draft = await proposeKeys(await repository.state(), changes, { store, now })
  for (const signer of keys.signers('root')) await signDraft(draft, signer)
  if (!isOldKept) for (const role of ['snapshot', 'timestamp']) rmSync(join(keys.directory, `${role}.pem`))
  await applyDraft(repository.context(), draft)
}

const size = 1_000_000_000
const root = `sha256:${'7'.repeat(64)}`

const inventions: readonly (readonly [string, (origin: string) => JsonValue | undefined])[] = [
  ['a log that is far longer', (origin) => ({ origin, root, size })],
  ['another tree of the same length', (origin) => ({ origin, root, size: 3 })],
  ['a log of another origin', () => ({ origin: 'vend-repository/other', root, size: 3 })],
  ['no log', () => undefined],
  ['what is no head', () => ({ size: -1 })],
]

test.each(inventions)(
  'with other keys of snapshots the log goes on, whatever was invented: %s',
  async (_what, head) => {
    const repository = await newRepository()
    await repository.commit([1, 2], 'one')
    const { origin } = await repository.head()
    await invent(repository, head(origin))
    await changeOnlineKeys(repository)
    expect(await repository.head()).toMatchObject({ origin, size: 3 })
    await repository.commit([3], 'two')
    expect(await repository.head()).toMatchObject({ origin, size: 5 })
    expect((await repository.audit()).findings).toEqual([])
  },
)

test('with the same keys it does not: who signs a head stands by it', async () => {
  const repository = await newRepository()
  await repository.commit([1])
  const { origin } = await repository.head()
  await invent(repository, { origin, root, size })
  await expect(refreshExpiry(repository.context())).rejects.toMatchObject({ code: 'REPOSITORY_CORRUPT' })
})

test('what was listed and is in no log that is whole comes into it', async () => {
  const repository = await newRepository()
  await repository.commit([1])
  const { origin } = await repository.head()
  await repository.commit([2, 3])
  // The tile of the last commit is gone with the thief.
  for (const width of ['tile/0/000.p/3', 'tile/entries/000.p/3'])
    await repository.store.delete(`log/${width}`)
  await invent(repository, { origin, root, size })
  await changeOnlineKeys(repository, false)
  expect(await repository.head()).toMatchObject({ origin, size: 3 })
  expect((await repository.audit()).findings).toEqual([])
})

test('a checkpoint of the stolen key gives way, though it says more', async () => {
  const repository = await newRepository()
  const { keys, store } = repository
  await repository.commit([1])
  const { origin } = await repository.head()
  const forged = { origin, root: root as `sha256:${string}`, size }
  const signers = keys.signers('snapshot').map((signer) => ({
    name: origin,
    publicKey: Buffer.from(String(signer.key.keyVal['public']), 'hex'),
    sign: async (text: Uint8Array) => Buffer.from((await signer.sign(text)).sig, 'hex'),
  }))
  await store.put(checkpointKey, await signNote(checkpointText(forged), signers))
  await invent(repository, forged)
  await changeOnlineKeys(repository)
  expect((await bytesIn(store, checkpointKey)).toString().split('\n').slice(0, 2)).toEqual([origin, '1'])
  expect((await repository.audit()).findings).toEqual([])
})
