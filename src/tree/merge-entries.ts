import type { TreePath } from '../../manifests/tree-path.ts'
import type { ManifestEntry } from './read-manifest.ts'

/** What lies at one path: an item a source, in the order of the sources; undefined where a source has nothing. */
export interface PathGroup {
  readonly path: TreePath
  readonly items: readonly (ManifestEntry | undefined)[]
}

/**
 * Walks several manifests side by side, path by path in byte order. Each source must be sorted, as manifests are, and
 * is let go of however the walk ends. Memory: one entry a source.
 */
export async function* mergeEntries(
  sources: readonly AsyncIterator<ManifestEntry>[],
): AsyncGenerator<PathGroup, void, undefined> {
  try {
    const heads = await Promise.all(sources.map((source) => nextOf(source)))
    for (;;) {
      const path = smallestPath(heads)
      if (path === undefined) return
      const items = heads.map((head) => (head?.entry.path === path ? head : undefined))
      yield { path, items }
      for (const [i, source] of sources.entries()) {
        if (items[i] !== undefined) heads[i] = await nextOf(source)
      }
    }
  } finally {
    await Promise.all(sources.map(async (source) => source.return?.()))
  }
}

async function nextOf(source: AsyncIterator<ManifestEntry>): Promise<ManifestEntry | undefined> {
  const result = await source.next()
  return result.done === true ? undefined : result.value
}

function smallestPath(heads: readonly (ManifestEntry | undefined)[]): TreePath | undefined {
  let smallest: TreePath | undefined
  for (const head of heads) {
    if (head !== undefined && (smallest === undefined || head.entry.path < smallest))
      smallest = head.entry.path
  }
  return smallest
}
