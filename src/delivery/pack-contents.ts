import type { Digest } from '../../manifests/digest.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import type { OpenManifest } from '../tree/read-manifest.ts'

/** A content of a manifest, under the first path that has it. */
export interface ManifestContent {
  readonly path: TreePath
  /** Where it starts in the content stream. */
  readonly position: number
  /** Bytes: more than 0. */
  readonly size: number
  readonly digest: Digest
  /** The number of its first entry. */
  readonly ordinal: number
}

/** The distinct contents of a manifest, in the order of their first entries, by digest. */
export async function contentsOf({ entries }: OpenManifest): Promise<Map<Digest, ManifestContent>> {
  const contents = new Map<Digest, ManifestContent>()
  let ordinal = 0
  for await (const { entry } of entries) {
    if (entry.type === 'file' && entry.size > 0 && !contents.has(entry.digest)) {
      const { path, offset, size, digest } = entry
      contents.set(digest, { path, position: offset, size, digest, ordinal })
    }
    ordinal++
  }
  return contents
}
