import { lstatSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { joinTreePath, rootPath, type TreePath } from '../../../manifests/tree-path.ts'
import { DirectoryHandles, pathAt } from '../../tree/directory-handles.ts'
import { listDirectory } from '../../tree/list-directory.ts'

/** Longer than between two ticks of the clock that file systems keep times by. */
const tickMs = 20

/**
 * When each inode of a tree was last changed in any way, by the time that no program can set (`st_ctim`): whatever is
 * changed from here on has another. Memory: 8 bytes an entry.
 */
export class InodeTimes {
  readonly #keys: BigUint64Array

  private constructor(keys: BigUint64Array) {
    this.#keys = keys
  }

  static async of(directory: string): Promise<InodeTimes> {
    await setTimeout(tickMs)
    let keys = new BigUint64Array(1024)
    let count = 0
    for (const key of keysIn(directory)) {
      if (count === keys.length) {
        const larger = new BigUint64Array(2 * count)
        larger.set(keys)
        keys = larger
      }
      keys[count++] = key
    }
    return new InodeTimes(keys.subarray(0, count).sort())
  }

  /** Whether the inode that `location` names was there, and has not been changed since. */
  isUnchanged(location: Buffer): boolean {
    const key = keyAt(location)
    let [low, high] = [0, this.#keys.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const found = this.#keys[middle] as bigint
      if (found === key) return true
      if (found < key) low = middle + 1
      else high = middle
    }
    return false
  }
}

function* keysIn(directory: string): Generator<bigint, void, void> {
  using handles = new DirectoryHandles(directory)
  yield keyAt(handles.locate(rootPath))
  const waiting: TreePath[] = [rootPath]
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const fd = handles.fdOf(path)
    const { names, directories } = listDirectory(fd)
    for (const name of names) yield keyAt(pathAt(fd, name))
    for (const name of directories) waiting.push(joinTreePath(path, name))
  }
}

/** One number for an inode at a time. */
function keyAt(location: Buffer): bigint {
  const { ino, ctimeNs } = lstatSync(location, { bigint: true })
  return BigInt.asUintN(64, ino * 0x9e37_79b9_7f4a_7c15n + ctimeNs)
}
