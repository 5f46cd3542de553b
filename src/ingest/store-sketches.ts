import { stat } from 'node:fs/promises'
import type { BlobStore, CallOptions } from '../../storage/blob-store.ts'
import { sketchesKey } from '../repository/layout.ts'
import type { IngestedModule } from './ingest-tree.ts'

/** Stores the sketches of a module's contents beside its manifest, if they were written. */
export async function storeSketches(
  store: BlobStore,
  { digest, sketchesPath }: IngestedModule,
  { signal }: CallOptions,
): Promise<void> {
  if (sketchesPath === undefined) return
  const { size } = await stat(sketchesPath)
  await store.put(
    sketchesKey(digest),
    { path: sketchesPath, bytes: size },
    { signal, contentType: 'application/zstd' },
  )
}
