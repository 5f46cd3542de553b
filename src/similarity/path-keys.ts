import { nameOf, parentOf, type TreePath } from '../../manifests/tree-path.ts'

/** Under what an old content may be found by the path of a new one: 32-bit hashes, from the closest to the widest. */
export interface PathKeys {
  /** The very path. */
  readonly path: number
  /** The path without its versions. */
  readonly name: number
  /** The last two components without their versions: a tree that was moved. */
  readonly moved: number
  /** The file's name without its versions. */
  readonly basename: number
}

export function pathKeysOf(path: TreePath): PathKeys {
  const name = nameOf(path)
  return {
    path: hashOf(path),
    name: hashOf(withoutVersions(path)),
    moved: hashOf(withoutVersions(`${nameOf(parentOf(path))}/${name}`)),
    basename: hashOf(withoutVersions(name)),
  }
}

/** Numbers with what joins them (`6.1.0-31`, `2_39`, `1.2~rc3+dfsg1`), and hashes in the names of built files. */
const versions =
  /(?<![0-9A-Za-z])(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,}(?![0-9A-Za-z])|\d+(?:(?:[.\-_~+:]|rc|deb|ubuntu|dfsg|el|fc|build)+\d+)*/g

/** `lib/modules/6.1.0-30-amd64/x.ko` → `lib/modules/#-amd#/x.ko`; `libfoo.so.1.2.3` → `libfoo.so.#`. */
export function withoutVersions(path: string): string {
  return path.replaceAll(versions, '#')
}

/** FNV-1a with a finalizer, of one character a byte. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}
