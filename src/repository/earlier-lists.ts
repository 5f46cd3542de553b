import { Metadata, MetadataKind, type Snapshot, type Targets } from '@tufjs/models'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { readLogHead, type LogHead } from '../transparency/log-head.ts'
import { metadataKey } from './layout.ts'
import type { Listed } from './new-entries.ts'
import { readBlob } from './read-blob.ts'
import type { RepositoryState } from './repository-state.ts'

/** An earlier head of the log, or the head that it would have had if that publish had not lost its race. */
export interface EarlierHead {
  /** Of the newest snapshot that has it. */
  readonly version: number
  readonly head: LogHead | undefined
  readonly snapshot: Snapshot
}

/** What a repository listed when its log had that head. */
export interface EarlierList {
  readonly head: LogHead | undefined
  /** Empty where there was no log: the first one begins with all that is listed. */
  readonly listed: Listed
}

/** So many commits may have changed nothing in the log since: three years of daily refreshes. */
const maxSnapshots = 1000

/** The heads in earlier snapshots, newest first, each once. Their signatures are not checked. */
export async function* earlierHeads(
  store: BlobReader,
  state: RepositoryState,
  options: CallOptions,
): AsyncGenerator<EarlierHead, void, undefined> {
  const newest = state.snapshot.metadata.signed.version - 1
  const seen = new Set<string>()
  for (let version = newest; version > 0 && newest - version < maxSnapshots; version--) {
    const snapshot = await readSigned(store, metadataKey('snapshot', version), snapshotKind, options)
    if (snapshot === undefined) continue
    const head = headOf(snapshot)
    const name = JSON.stringify(head ?? null)
    if (seen.has(name)) continue
    seen.add(name)
    yield { version, head, snapshot }
  }
}

/**
 * What earlier snapshots list, newest first. No signature is checked: what follows from a list is to be compared with
 * what is signed.
 */
export async function* earlierLists(
  store: BlobReader,
  state: RepositoryState,
  options: CallOptions,
): AsyncGenerator<EarlierList, void, undefined> {
  for await (const { head, snapshot } of earlierHeads(store, state, options)) {
    const listed = head === undefined ? {} : await listedBy(store, snapshot, options)
    if (listed !== undefined) yield { head, listed }
  }
}

async function listedBy(
  store: BlobReader,
  { meta }: Snapshot,
  options: CallOptions,
): Promise<Listed | undefined> {
  const lists: Listed[] = []
  for (const role of ['releases', 'channels']) {
    const key = metadataKey(role, meta[`${role}.json`]?.version ?? 0)
    const signed = await readSigned(store, key, targetsKind, options)
    if (signed === undefined) return undefined
    lists.push(signed.targets)
  }
  return Object.assign({}, ...lists) as Listed
}

function headOf({ unrecognizedFields }: Snapshot): LogHead | undefined {
  try {
    return readLogHead(unrecognizedFields['log'])
  } catch {
    return undefined
  }
}

type Json = Parameters<typeof Metadata.fromJSON>[1]

const snapshotKind = (json: Json): Snapshot => Metadata.fromJSON(MetadataKind.Snapshot, json).signed
const targetsKind = (json: Json): Targets => Metadata.fromJSON(MetadataKind.Targets, json).signed

/** Undefined for what is missing or cannot be read as what it should be. */
async function readSigned<Signed>(
  store: BlobReader,
  key: string,
  kind: (json: Json) => Signed,
  options: CallOptions,
): Promise<Signed | undefined> {
  const blob = await readBlob(store, key, options)
  if (blob === undefined) return undefined
  try {
    return kind(JSON.parse(blob.bytes.toString('utf8')) as Json)
  } catch {
    return undefined
  }
}
