import { FormatError } from '../../manifests/errors.ts'
import type { BlobInfo, BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { RepositoryError } from '../repository/errors.ts'
import { readBlob } from '../repository/read-blob.ts'
import { decodeShard, shardKey, type ReportShard } from './shard-document.ts'

/** Of a hundred releases that have all the machines there is room for. */
const maxShardBytes = 50_000_000

/** Undefined where nothing was heard yet. Throws REPOSITORY_CORRUPT. */
export async function readShard(
  store: BlobReader,
  channel: string,
  digit: string,
  options: CallOptions = {},
): Promise<{ readonly shard: ReportShard; readonly info: BlobInfo } | undefined> {
  const key = shardKey(channel, digit)
  const blob = await readBlob(store, key, { ...options, maxBytes: maxShardBytes })
  if (blob === undefined) return undefined
  try {
    return { shard: decodeShard(blob.bytes), info: blob.info }
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause
    throw new RepositoryError('REPOSITORY_CORRUPT', `${store.name}: ${key}: ${cause.message}`, {
      hint: 'delete it: what a sixteenth of the machines reported is lost with it',
      cause,
    })
  }
}
