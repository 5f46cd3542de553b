import type { TreePath } from '../../manifests/tree-path.ts'

interface WithPath {
  readonly entry: { readonly path: TreePath }
}

/** Two sequences in byte order of their paths, side by side: pairs where both have a path, else one of the two. */
export async function* mergeSorted<A extends WithPath, B extends WithPath>(
  left: Iterable<A>,
  right: AsyncIterable<B>,
): AsyncGenerator<readonly [A, B | undefined] | readonly [undefined, B], void, undefined> {
  const iterator = left[Symbol.iterator]()
  let a = iterator.next()
  for await (const b of right) {
    for (; a.done !== true && a.value.entry.path < b.entry.path; a = iterator.next())
      yield [a.value, undefined]
    if (a.done !== true && a.value.entry.path === b.entry.path) {
      yield [a.value, b]
      a = iterator.next()
    } else {
      yield [undefined, b]
    }
  }
  for (; a.done !== true; a = iterator.next()) yield [a.value, undefined]
}
