import { resolve } from 'node:path'
import type { ModuleSource } from '../../ingest/publish-release.ts'
import { DirectoryTree } from '../../tree/tree-source.ts'

/** Two releases to show, the older one first. */
export interface Example {
  readonly releases: readonly [ExampleRelease, ExampleRelease]
  /** What someone who runs the machine changes between the two: a line more in a file of the first. */
  readonly localChange: { readonly path: string; readonly line: string } | undefined
}

export interface ExampleRelease {
  /** For people. */
  readonly title: string
  readonly modules: readonly ModuleSource[]
}

/** Two directories as two releases of one module. */
export function exampleOf(older: string, newer: string): Example {
  const release = (tree: string): ExampleRelease => ({
    title: tree,
    modules: [{ name: 'system', tree: new DirectoryTree(resolve(tree)), includes: [] }],
  })
  return { releases: [release(older), release(newer)], localChange: undefined }
}
