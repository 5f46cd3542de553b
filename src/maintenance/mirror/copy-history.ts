import { Metadata, MetadataKind, type MetaFile, type Root, type Snapshot } from '@tufjs/models'
import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { mapInOrder } from '../../map-in-order.ts'
import { metadataKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import type { SignedMetadata } from '../../trust/sign-metadata.ts'
import { readRoot, verifies } from '../../trust/verify-metadata.ts'
import { MirrorError } from './errors.ts'
import type { MirrorBase, MirrorTarget } from './mirror-target.ts'
import { putEach } from './put-each.ts'

const listedRoles = ['targets', 'releases', 'channels'] as const
const concurrentReads = 16

/** What the source says of the time between the state that the destination has and its own. */
export interface MirroredHistory {
  /** After that of the destination, ascending, up to that of the state. */
  readonly roots: readonly SignedMetadata<Root>[]
  /** Between the two, ascending: those that were signed by keys of their time. */
  readonly snapshots: readonly SignedMetadata<Snapshot>[]
  /** Numbers of snapshots that the source has lost, or that nobody of trust has signed. */
  readonly lost: readonly number[]
}

/** Throws MIRROR_FORKED when the root that the destination has is not in the source's chain. */
export async function readMirroredHistory(
  source: BlobReader,
  base: MirrorBase | undefined,
  state: RepositoryState,
  options: CallOptions,
): Promise<MirroredHistory> {
  const chain = await readRoots(source, base, state, options)
  const first = (base?.state.snapshot.metadata.signed.version ?? 0) + 1
  const versions = rangeOf(first, state.snapshot.metadata.signed.version)
  const snapshots: SignedMetadata<Snapshot>[] = []
  const lost: number[] = []
  for await (const { version, snapshot } of mapInOrder(versions, concurrentReads, async (each) => ({
    version: each,
    snapshot: await readSnapshotBy(source, each, chain, options),
  }))) {
    if (snapshot === undefined) lost.push(version)
    else snapshots.push(snapshot)
  }
  return { roots: base === undefined ? chain : chain.slice(1), snapshots, lost }
}

/** From that of the destination, or the first one, to that of the state. */
async function readRoots(
  source: BlobReader,
  base: MirrorBase | undefined,
  { root: last }: RepositoryState,
  options: CallOptions,
): Promise<SignedMetadata<Root>[]> {
  const chain: SignedMetadata<Root>[] = []
  const first = base?.state.root.metadata.signed.version ?? 1
  for (const version of rangeOf(first, last.metadata.signed.version + 1)) {
    const name = `${version}.root.json`
    const bytes = (await readBlob(source, metadataKey('root', version), options))?.bytes ?? Buffer.alloc(0)
    chain.push(readRoot(bytes, name, chain.at(-1)?.metadata))
  }
  const [root] = chain
  if (base === undefined || root?.bytes.equals(base.state.root.bytes) === true) return chain
  throw new MirrorError('MIRROR_FORKED', `${source.name} has another root ${first} than the destination`, {
    hint: 'their first roots are the same, so that whoever has its keys has signed two histories: find out which is right',
  })
}

async function readSnapshotBy(
  source: BlobReader,
  version: number,
  roots: readonly SignedMetadata<Root>[],
  options: CallOptions,
): Promise<SignedMetadata<Snapshot> | undefined> {
  const bytes = (await readBlob(source, metadataKey('snapshot', version), options))?.bytes
  if (bytes === undefined) return undefined
  try {
    const json = JSON.parse(bytes.toString('utf8')) as Parameters<typeof Metadata.fromJSON>[1]
    const metadata = Metadata.fromJSON(MetadataKind.Snapshot, json)
    const isSigned = roots.some((root) => verifies(root.metadata, 'snapshot', metadata))
    return isSigned && metadata.signed.version === version ? { metadata, bytes } : undefined
  } catch {
    return undefined
  }
}

/**
 * Puts the metadata that the snapshots name, then the snapshots, those of the state last. Returns how many there were, and
 * the keys of those that the source has lost: nothing but the history misses them.
 */
export async function copyMetadata(
  source: BlobReader,
  target: MirrorTarget,
  state: RepositoryState,
  { snapshots }: MirroredHistory,
  options: CallOptions,
): Promise<{ readonly count: number; readonly lost: readonly string[] }> {
  const lost: string[] = []
  const earlier = earlierMetadata(target.base, state, snapshots)
  let count = await putEach(target, earlier, async ([key, expected]) => {
    const body = (await readBlob(source, key, options))?.bytes
    if (body !== undefined && isExpected(expected, body)) return { key, body }
    lost.push(key)
    return undefined
  })
  count += await putEach(target, snapshots, async ({ metadata, bytes }) => ({
    key: metadataKey('snapshot', metadata.signed.version),
    body: bytes,
  }))
  const current = [...listedRoles, 'snapshot' as const].filter(
    (role) => target.base?.state[role].bytes.equals(state[role].bytes) !== true,
  )
  count += await putEach(target, current, async (role) => ({
    key: metadataKey(role, state[role].metadata.signed.version),
    body: state[role].bytes,
  }))
  return { count, lost: lost.sort() }
}

/** By key, each once: what snapshots name, and neither the destination nor the state has at hand. */
function earlierMetadata(
  base: MirrorBase | undefined,
  state: RepositoryState,
  snapshots: readonly SignedMetadata<Snapshot>[],
): ReadonlyMap<string, MetaFile> {
  const found = new Map<string, MetaFile>()
  for (const { metadata } of snapshots) {
    for (const role of listedRoles) {
      const meta = metadata.signed.meta[`${role}.json`]
      const had = base?.state[role].metadata.signed.version ?? 0
      if (meta === undefined || meta.version <= had) continue
      if (meta.version !== state[role].metadata.signed.version)
        found.set(metadataKey(role, meta.version), meta)
    }
  }
  return found
}

function isExpected(meta: MetaFile, bytes: Buffer): boolean {
  try {
    meta.verify(bytes)
    return true
  } catch {
    return false
  }
}

/** From `start` to before `end`. */
function* rangeOf(start: number, end: number): Generator<number> {
  for (let number = start; number < end; number++) yield number
}
