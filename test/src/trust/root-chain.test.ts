import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { createRepository } from '../../../src/repository/create-repository.ts'
import { proposeKeys } from '../../../src/repository/propose-keys.ts'
import { refreshExpiry } from '../../../src/repository/refresh.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import { decodeDraft, encodeDraft, signDraft, type Draft } from '../../../src/trust/draft.ts'
import { KeyRing } from '../../../src/trust/key-ring.ts'
import { refuseOtherChain, type TrustedRoot } from '../../../src/trust/root-chain.ts'
import { bytesOf } from '../../../src/trust/sign-metadata.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'

const now = new Date()
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vend-chain-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
})

interface World {
  readonly keys: KeyRing
  readonly draft: Draft
  readonly roots: readonly TrustedRoot[]
}

/** A repository of that many roots, and a draft of the next one. */
async function world(name: string, rootCount: number): Promise<World> {
  const keys = new KeyRing(join(directory, name))
  const store = new MemoryStore()
  await createRepository({ store, keys, now })
  for (let made = 1; made < rootCount; made++) await refreshExpiry({ store, keys, now }, { all: true })
  const state = await loadState(store)
  const proposed = await proposeKeys(state, [{ kind: 'renew', role: 'root' }], { store, now })
  const draft = decodeDraft(encodeDraft(proposed), name)
  const roots = [...draft.earlierRoots, draft.base.root].map((root) => ({
    digest: digestOf(bytesOf(root)),
    source: `root ${root.signed.version} of ${name}`,
  }))
  return { keys, draft, roots }
}

test('a draft follows from every root that there was', async () => {
  const { draft, roots, keys } = await world('ours', 4)
  expect(roots).toHaveLength(4)
  expect(roots[0]?.digest).toBe(digestOf(keys.trustedRoot() ?? Buffer.alloc(0)))
  for (const root of roots) refuseOtherChain(draft, root)
})

test('one of other keys does not, however whole it is', async () => {
  const [ours, theirs] = [await world('ours', 2), await world('theirs', 2)]
  for (const root of ours.roots) {
    expect(() => refuseOtherChain(theirs.draft, root)).toThrow(
      expect.objectContaining({ code: 'ROOT_MISMATCH' }),
    )
  }
})

test('nor does an invented base behind our own roots', async () => {
  const [ours, theirs] = [await world('ours', 2), await world('theirs', 3)]
  const [first, second] = [ours.draft.earlierRoots[0], ours.draft.base.root]
  if (first === undefined) throw new TypeError('there were two roots')
  const forged = { ...theirs.draft, earlierRoots: [first, second] }
  // Its signatures are those of the keys that it names itself.
  await signDraft(decodeDraft(encodeDraft(forged), 'forged'), theirs.keys.signers('root')[0] as never)
  for (const root of ours.roots) {
    expect(() => refuseOtherChain(forged, root)).toThrow(expect.objectContaining({ code: 'ROOT_MISMATCH' }))
  }
})

test('nor does one with a root left out', async () => {
  const { draft, roots } = await world('ours', 3)
  const [first] = draft.earlierRoots
  const [trusted] = roots
  if (first === undefined || trusted === undefined) throw new TypeError('there were three roots')
  expect(() => refuseOtherChain({ ...draft, earlierRoots: [first] }, trusted)).toThrow(
    expect.objectContaining({ code: 'ROOT_MISMATCH' }),
  )
  expect(() => refuseOtherChain({ ...draft, earlierRoots: [] }, trusted)).toThrow(
    expect.objectContaining({ code: 'ROOT_MISMATCH' }),
  )
})
