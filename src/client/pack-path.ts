import { join } from 'node:path'
import { hexOf, type Digest } from '../../manifests/digest.ts'

const nothing = '0'.repeat(64)

/** Where a pack lies in the repository, and where on the machine while it comes. */
export interface PackPath {
  readonly url: string
  readonly part: string
  /** The entity tag of what `part` is a part of. */
  readonly validator: string
}

/** `from`: undefined for a first install. */
export function packPath(directory: string, from: Digest | undefined, to: Digest): PackPath {
  const [oldHex, newHex] = [from === undefined ? nothing : hexOf(from), hexOf(to)]
  const file = join(directory, `${newHex}-${oldHex}.pack`)
  return { url: `packs/${newHex}/${oldHex}.pack`, part: `${file}.part`, validator: `${file}.etag` }
}
