import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { RepositoryError } from '../../repository/errors.ts'
import { metadataKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { loadState, type RepositoryState } from '../../repository/repository-state.ts'
import { TrustError } from '../../trust/errors.ts'

export interface Destination {
  /** Undefined: nothing is visible there. */
  readonly state: RepositoryState | undefined
  readonly firstRoot: Buffer | undefined
}

/**
 * What a mirror finds where it is going to write. A mirror that died between the last roots and the timestamp has left roots
 * that the timestamp does not know: then it is the state before them. Throws what `loadState` throws.
 */
export async function loadDestination(store: BlobReader, options: CallOptions): Promise<Destination> {
  const firstRoot = (await readBlob(store, metadataKey('root', 1), options))?.bytes
  try {
    return { state: await loadState(store, options), firstRoot }
  } catch (error) {
    if (error instanceof RepositoryError && error.code === 'REPOSITORY_MISSING')
      return { state: undefined, firstRoot }
    if (!(error instanceof TrustError) || error.code !== 'METADATA_INVALID') throw error
    const state = await loadBeforeLastRoots(store, options)
    if (state === undefined) throw error
    return { state, firstRoot }
  }
}

async function loadBeforeLastRoots(
  store: BlobReader,
  options: CallOptions,
): Promise<RepositoryState | undefined> {
  let last = 1
  while ((await store.stat(metadataKey('root', last + 1), options)) !== undefined) last++
  for (let lastRoot = last - 1; lastRoot > 0; lastRoot--) {
    try {
      return await loadState(store, { ...options, lastRoot })
    } catch (error) {
      if (!(error instanceof TrustError)) throw error
    }
  }
  return undefined
}
