import type { BlobInfo, BlobStore, CallOptions } from '../../storage/blob-store.ts'
import { BlobChangedError } from '../../storage/errors.ts'
import { RepositoryError } from './errors.ts'
import { revalidatedCaching, timestampKey } from './layout.ts'
import type { RepositoryState } from './repository-state.ts'

const newline = 0x0a

/** Readers take a timestamp of 16 kB at the most (TUF client workflow), and it has 500 bytes and more of its own. */
export const maxFences = 1000

/**
 * Makes every commit fail that loaded the state before, and changes nothing else: the timestamp is written once more,
 * with one newline more at its end, so that its etag is another one. What is signed stays the same, and no key is
 * needed. The etag never comes back, since the newlines only grow until the next commit writes other content.
 * Resolves to the timestamp as it is now; undefined when somebody else replaced it first. Throws FENCES_USED_UP.
 */
export async function fence(
  store: BlobStore,
  { timestamp, timestampEtag }: Pick<RepositoryState, 'timestamp' | 'timestampEtag'>,
  { signal }: CallOptions = {},
): Promise<BlobInfo | undefined> {
  if (fencesOf(timestamp.bytes) >= maxFences) throw usedUp(store)
  try {
    return await store.replace(
      timestampKey,
      Buffer.concat([timestamp.bytes, Buffer.of(newline)]),
      timestampEtag,
      {
        signal,
        contentType: 'application/json',
        cacheControl: revalidatedCaching,
      },
    )
  } catch (error) {
    if (error instanceof BlobChangedError) return undefined
    throw error
  }
}

/** How often a timestamp was fenced since it was committed. */
export function fencesOf(timestamp: Uint8Array): number {
  return timestamp.length - withoutFences(timestamp).length
}

/** The timestamp as its commit wrote it. */
export function withoutFences(timestamp: Uint8Array): Uint8Array {
  let end = timestamp.length
  while (timestamp[end - 1] === newline) end -= 1
  return timestamp.subarray(0, end)
}

/** Whether two timestamps are of the same commit. */
export function isSameCommit(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(withoutFences(one), withoutFences(other)) === 0
}

function usedUp(store: BlobStore): RepositoryError {
  return new RepositoryError(
    'FENCES_USED_UP',
    `${store.name}: its timestamp was fenced ${maxFences} times since it was signed`,
    { hint: 'sign it anew with "vend refresh", then collect again; what was collected until now stays so' },
  )
}
