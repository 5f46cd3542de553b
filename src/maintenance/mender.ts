import type { ChunkRef } from '../../manifests/manifest.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import type { ManifestUse } from './check-manifests.ts'

/** Called for what is damaged or missing: resolves to true when there is something else in its place, to be checked again. */
export interface Mender {
  /** `path`: of the TUF target, `releases/10.json`. */
  document(path: string, options: CallOptions): Promise<boolean>
  manifest(use: ManifestUse, options: CallOptions): Promise<boolean>
  chunk(chunk: ChunkRef, options: CallOptions): Promise<boolean>
  /** True also when it was deleted: a pack that is not there is no damage. */
  pack(key: string, options: CallOptions): Promise<boolean>
}

/** What `check` finds wrong; after mending, what is still wrong. */
export async function mending<Found>(
  check: () => Promise<Found>,
  isDamaged: (found: Found) => boolean,
  mend: (() => Promise<boolean>) | undefined,
): Promise<Found> {
  const found = await check()
  if (mend === undefined || !isDamaged(found) || !(await mend())) return found
  return check()
}
