import type { Root } from '@tufjs/models'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { metadataKey } from '../repository/layout.ts'
import { readBlob } from '../repository/read-blob.ts'
import type { RepositoryState } from '../repository/repository-state.ts'
import { isSignedByLog, parseCheckpoint } from '../transparency/checkpoint.ts'
import { readRoot } from '../trust/verify-metadata.ts'

/** What is wrong with a checkpoint by itself; undefined when nothing is. */
export function checkpointProblem(
  bytes: Buffer | undefined,
  publicKeys: readonly Uint8Array[],
): string | undefined {
  if (bytes === undefined) return 'is missing'
  const checkpoint = parseCheckpoint(bytes)
  if (checkpoint === undefined) return 'is no checkpoint'
  return isSignedByLog(checkpoint, publicKeys) ? undefined : 'is not signed by a key of the role "snapshot"'
}

/** The public keys that were ever trusted with snapshots: an old copy of a log is signed by the keys of its time. */
export async function snapshotKeysOf(
  store: BlobReader,
  { root }: RepositoryState,
  options: CallOptions,
): Promise<Uint8Array[]> {
  const keys = new Map<string, Uint8Array>()
  for (let version = root.metadata.signed.version; version > 0; version--) {
    // Each was verified against the one before it when the state was loaded.
    const key = metadataKey('root', version)
    const blob = await readBlob(store, key, options)
    if (blob !== undefined) addSnapshotKeys(readRoot(blob.bytes, key).metadata.signed, keys)
  }
  return [...keys.values()]
}

function addSnapshotKeys({ roles, keys }: Root, found: Map<string, Uint8Array>): void {
  for (const id of roles['snapshot']?.keyIDs ?? []) {
    const hex = keys[id]?.keyVal['public']
    if (hex !== undefined) found.set(id, Buffer.from(hex, 'hex'))
  }
}
