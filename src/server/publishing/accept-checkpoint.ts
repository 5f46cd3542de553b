import type { BlobStore, CallOptions } from '../../../storage/blob-store.ts'
import { BlobChangedError, BlobExistsError } from '../../../storage/errors.ts'
import { checkpointKey, revalidatedCaching } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { logHeadOf } from '../../repository/repository-log.ts'
import type { Repository } from '../../repository/repository.ts'
import { isSignedByLog, parseCheckpoint } from '../../transparency/checkpoint.ts'
import { isSameHead } from '../../transparency/log-head.ts'
import { ProblemError } from '../problem.ts'

/** Several at once are few, and each that is passed leaves a longer log. */
const tries = 10

/**
 * Stores the checkpoint of the log's head, as the snapshot signs it, and by a key that signs snapshots. One of an earlier
 * head came too late, and is left. Resolves to whether it was stored. Throws METADATA_REFUSED.
 */
export async function acceptCheckpoint(
  bytes: Buffer,
  { state }: Repository,
  store: BlobStore,
  { signal }: CallOptions,
): Promise<boolean> {
  const head = logHeadOf(state)
  const checkpoint = parseCheckpoint(bytes)
  if (head === undefined || checkpoint === undefined || checkpoint.head.origin !== head.origin) {
    throw refused('it is no checkpoint of this log')
  }
  const keys = snapshotKeys(state)
  if (!isSignedByLog(checkpoint, keys)) throw refused('no key that signs snapshots has signed it')
  if (checkpoint.head.size < head.size) return false
  if (!isSameHead(checkpoint.head, head)) throw refused('it is of another head than the snapshot signs')
  const how = { signal, contentType: 'text/plain; charset=utf-8', cacheControl: revalidatedCaching }
  for (let left = tries; left > 0; left--) {
    const present = await readBlob(store, checkpointKey, { signal })
    const there = present && parseCheckpoint(present.bytes)
    if (there !== undefined && there.head.size > head.size && isSignedByLog(there, keys)) return false
    try {
      await (present === undefined
        ? store.create(checkpointKey, bytes, how)
        : store.replace(checkpointKey, bytes, present.info.etag, how))
      return true
    } catch (error) {
      if (!(error instanceof BlobExistsError) && !(error instanceof BlobChangedError)) throw error
    }
  }
  return false
}

function snapshotKeys({ root }: Repository['state']): Buffer[] {
  const { keys, roles } = root.metadata.signed
  return (roles['snapshot']?.keyIDs ?? []).flatMap((id) => {
    const value = keys[id]?.keyVal['public']
    return value === undefined ? [] : [Buffer.from(value, 'hex')]
  })
}

function refused(detail: string): ProblemError {
  return new ProblemError('METADATA_REFUSED', `log/checkpoint: ${detail}`)
}
