import { zstdDecompressSync } from 'node:zlib'
import type { Digest } from '../../manifests/digest.ts'
import type { BlobReader } from '../../storage/blob-store.ts'
import { sketchesKey } from '../repository/layout.ts'
import { readBlob } from '../repository/read-blob.ts'
import { SketchSet } from '../similarity/sketch-set.ts'

const maxStoredBytes = 64 << 20
const maxPlainBytes = 256 << 20

/** The sketches kept beside a manifest, or undefined where there are none, or none that can be read. */
export async function readSketches(store: BlobReader, manifest: Digest): Promise<SketchSet | undefined> {
  const blob = await readBlob(store, sketchesKey(manifest), { maxBytes: maxStoredBytes })
  if (blob === undefined) return undefined
  try {
    return new SketchSet(zstdDecompressSync(blob.bytes, { maxOutputLength: maxPlainBytes }))
  } catch {
    // They are derived data: bases are then found by their paths.
    return undefined
  }
}
