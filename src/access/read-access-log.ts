import { FormatError } from '../../manifests/errors.ts'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { RepositoryError } from '../repository/errors.ts'
import { readBlob } from '../repository/read-blob.ts'
import { decodeAccessEntry, type AccessEntry } from './access-entry.ts'
import { accessLogPrefix } from './access-log.ts'

export interface AccessLogQuery extends CallOptions {
  /** Default: from the beginning. */
  readonly since?: Date | undefined
  /** A subject, or a principal's name. Default: everybody. */
  readonly who?: string | undefined
}

/** In about the order in which it happened: as it was stored. Throws REPOSITORY_CORRUPT or a StoreError. */
export async function* readAccessLog(
  store: BlobReader,
  { since, who, signal }: AccessLogQuery = {},
): AsyncGenerator<AccessEntry> {
  const after = since && keyBefore(since)
  for await (const { key } of store.list(accessLogPrefix, {
    signal,
    ...(after !== undefined && { after }),
  })) {
    for (const entry of await readEntries(store, key, signal)) {
      const isWanted = who === undefined || entry.who === who || entry.name === who
      if (isWanted && (since === undefined || entry.at >= since)) yield entry
    }
  }
}

/** Days are those of entries, and a day's objects may be stored on the next: nothing after this is older. */
function keyBefore(since: Date): string {
  return `${accessLogPrefix}${since.toISOString().slice(0, 10)}`
}

async function readEntries(
  store: BlobReader,
  key: string,
  signal: AbortSignal | undefined,
): Promise<AccessEntry[]> {
  const blob = await readBlob(store, key, { signal })
  try {
    return linesOf(blob?.bytes ?? Buffer.alloc(0)).map(decodeAccessEntry)
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause
    throw new RepositoryError('REPOSITORY_CORRUPT', `${store.name}: ${key}: ${cause.message}`, {
      hint: 'restore it from a backup, or delete it with what is in it',
      cause,
    })
  }
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start)
    lines.push(bytes.subarray(start, end < 0 ? bytes.length : end))
    start = end < 0 ? bytes.length : end + 1
  }
  return lines
}
