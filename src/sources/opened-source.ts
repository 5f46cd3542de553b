import type { TreeSource } from '../tree/tree-source.ts'

/** A tree that may be kept in scratch files, which go when it is disposed of. */
export interface OpenedSource extends AsyncDisposable {
  readonly tree: TreeSource
}
