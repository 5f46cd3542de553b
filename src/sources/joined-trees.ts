import type { TreeSource } from '../tree/tree-source.ts'
import type { WalkedEntry, WalkOptions } from '../tree/walk-directory.ts'

/** Two trees as one. Where both have a path it is as in the first: that must not be a file in either. */
export class JoinedTrees implements TreeSource {
  readonly name: string
  readonly #first: TreeSource
  readonly #second: TreeSource

  constructor(first: TreeSource, second: TreeSource) {
    this.name = first.name
    this.#first = first
    this.#second = second
  }

  *walk(options?: WalkOptions): Generator<WalkedEntry, void, void> {
    const [first, second] = [this.#first, this.#second].map((tree) => tree.walk(options)[Symbol.iterator]())
    if (first === undefined || second === undefined) return
    let [one, other] = [first.next(), second.next()]
    while (one.done !== true || other.done !== true) {
      const isFirst =
        other.done === true || (one.done !== true && one.value.entry.path <= other.value.entry.path)
      if (isFirst && one.done !== true) {
        if (other.done !== true && other.value.entry.path === one.value.entry.path) other = second.next()
        yield one.value
        one = first.next()
      } else if (other.done !== true) {
        yield other.value
        other = second.next()
      }
    }
  }
}
