import type { Xattrs } from '../../manifests/entry.ts'
import { byteStringFromBytes, textOf } from '../../manifests/tree-path.ts'
import { errnoOf } from './errors.ts'
import { getXattr, listXattrs } from './libc.ts'

const none: Xattrs = new Map()

/**
 * Every extended attribute the kernel lists for a path (not following it), by name in byte order; none where the
 * file system has none. A name that is not UTF-8 throws what `refuse` makes of it (one character a byte).
 */
export function readXattrs(location: Uint8Array, refuse: (name: string) => Error): Xattrs {
  const listed = listOf(location)
  if (listed.length === 0) return none
  const names = listed.map((bytes) => ({ bytes, byteString: byteStringFromBytes(bytes) }))
  names.sort((a, b) => (a.byteString < b.byteString ? -1 : 1))
  const xattrs = new Map<string, Uint8Array>()
  for (const { bytes, byteString } of names) {
    const name = textOf(byteString)
    if (name === undefined) throw refuse(byteString)
    xattrs.set(name, Uint8Array.from(getXattr(location, bytes)))
  }
  return xattrs
}

function listOf(location: Uint8Array): Uint8Array[] {
  try {
    return listXattrs(location)
  } catch (error) {
    if (errnoOf(error) === 'ENOTSUP') return []
    throw error
  }
}
