import { DirectoryTree } from '../tree/tree-source.ts'
import type { OpenedSource } from './opened-source.ts'

/** The tree that `path` names: so far, of a directory. */
export async function openSource(path: string): Promise<OpenedSource> {
  return Promise.resolve({
    tree: new DirectoryTree(path),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })
}
