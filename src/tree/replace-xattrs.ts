import type { Xattrs } from '../../manifests/entry.ts'
import { byteStringFromBytes, byteStringFromText } from '../../manifests/tree-path.ts'
import { errnoOf } from './errors.ts'
import { getXattr, listXattrs, removeXattr, setXattr } from './libc.ts'
import type { NotKeptKind } from './not-kept.ts'

export interface ReplaceXattrsOptions {
  /** Whether what is not permitted is an error. */
  readonly privileged: boolean
  /** Called for each attribute that could not be set or removed. */
  readonly onNotKept: (kind: NotKeptKind) => void
}

/**
 * Makes the extended attributes of a path (not following it) exactly `wanted`. True when any had to be changed.
 * Throws what libc.ts throws.
 */
export function replaceXattrs(location: Uint8Array, wanted: Xattrs, options: ReplaceXattrsOptions): boolean {
  const existing = existingXattrs(location)
  let changed = false
  for (const [name, value] of wanted) {
    const byteString = byteStringFromText(name)
    const nameBytes = existing.get(byteString)
    existing.delete(byteString)
    if (nameBytes !== undefined && hasValue(location, nameBytes, value)) continue
    attempt(options, () => setXattr(location, Buffer.from(name, 'utf8'), value))
    changed = true
  }
  for (const [byteString, nameBytes] of existing) {
    remove(location, byteString, nameBytes, options)
    changed = true
  }
  return changed
}

/** Names as byte strings and as bytes. */
function existingXattrs(location: Uint8Array): Map<string, Uint8Array> {
  try {
    return new Map(listXattrs(location).map((bytes) => [byteStringFromBytes(bytes), bytes]))
  } catch (error) {
    if (errnoOf(error) === 'ENOTSUP') return new Map()
    throw error
  }
}

function hasValue(location: Uint8Array, name: Uint8Array, value: Uint8Array): boolean {
  try {
    return Buffer.compare(getXattr(location, name), value) === 0
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENODATA' || errno === 'EACCES' || errno === 'EPERM') return false
    throw error
  }
}

function remove(location: Uint8Array, name: string, bytes: Uint8Array, options: ReplaceXattrsOptions): void {
  // A running security module labels every file itself, and lets nobody take the label away.
  const isLabel = name.startsWith('security.')
  attempt({ ...options, privileged: options.privileged && !isLabel }, () => {
    try {
      removeXattr(location, bytes)
    } catch (error) {
      if (errnoOf(error) !== 'ENODATA') throw error
    }
  })
}

function attempt({ privileged, onNotKept }: ReplaceXattrsOptions, change: () => void): void {
  try {
    change()
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOTSUP') onNotKept('xattr-unsupported')
    else if (!privileged && refusals.has(errno ?? '')) onNotKept('xattr-not-permitted')
    else throw error
  }
}

const refusals: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'EINVAL'])
