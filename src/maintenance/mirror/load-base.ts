import { Metadata, MetadataKind, type Snapshot, type Targets } from '@tufjs/models'
import { digestOf } from '../../../manifests/digest.ts'
import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { metadataKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { Repository } from '../../repository/repository.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import type { SignedMetadata } from '../../trust/sign-metadata.ts'
import { readRoot } from '../../trust/verify-metadata.ts'
import { MirrorError } from './errors.ts'
import type { ListedState, MirrorBase } from './mirror-target.ts'
import type { MirrorState } from './mirror-state.ts'
import { Presence } from './presence.ts'

/**
 * The state that a destination far away has, as the source remembers it: by the snapshot with its digest, and what that
 * names. Throws ROOT_MISMATCH through its caller, and MIRROR_FILE_UNFIT where the source does not know it.
 */
export async function loadBase(
  source: BlobReader,
  known: MirrorState,
  options: CallOptions,
): Promise<MirrorBase> {
  const read = async (role: string, version: number): Promise<Buffer> =>
    (await readBlob(source, metadataKey(role, version), options))?.bytes ?? Buffer.alloc(0)
  const root = readRoot(await read('root', known.rootVersion), `${known.rootVersion}.root.json`)
  const snapshotBytes = await read('snapshot', known.snapshot.version)
  if (digestOf(snapshotBytes) !== known.snapshot.digest) throw unknown(source, known)
  const snapshot = {
    metadata: Metadata.fromJSON(MetadataKind.Snapshot, jsonOf(snapshotBytes)),
    bytes: snapshotBytes,
  }
  const listed = async (role: 'targets' | 'releases' | 'channels'): Promise<SignedMetadata<Targets>> => {
    const meta = snapshot.metadata.signed.meta[`${role}.json`]
    const bytes = await read(role, meta?.version ?? 0)
    try {
      meta?.verify(bytes)
      return { metadata: Metadata.fromJSON(MetadataKind.Targets, jsonOf(bytes)), bytes }
    } catch {
      throw unknown(source, known)
    }
  }
  const state = {
    root,
    snapshot: snapshot satisfies SignedMetadata<Snapshot>,
    targets: await listed('targets'),
    releases: await listed('releases'),
    channels: await listed('channels'),
  }
  return {
    // Its documents are found by what is listed, and not by the timestamp, which nobody keeps.
    repository: new Repository(source, state as ListedState as RepositoryState),
    state,
    timestamp: known.timestamp,
    presence: new Presence(known.absent.releases, known.absent.modules),
  }
}

function jsonOf(bytes: Buffer): Parameters<typeof Metadata.fromJSON>[1] {
  return JSON.parse(bytes.toString('utf8')) as Parameters<typeof Metadata.fromJSON>[1]
}

function unknown(source: BlobReader, { snapshot }: MirrorState): MirrorError {
  return new MirrorError(
    'MIRROR_FILE_UNFIT',
    `${source.name} does not know the state that the destination has: its snapshot ${snapshot.version} is not there, or another one`,
    {
      hint: 'is the source older than the destination, or of another repository? A file without --since fits any',
    },
  )
}
