import type { ModuleTraits } from '../../manifests/release.ts'
import type { TreeSource } from '../tree/tree-source.ts'

/** A tree that may be kept in scratch files, which go when it is disposed of. */
export interface OpenedSource extends AsyncDisposable {
  readonly tree: TreeSource
  /** Bytes of content, where that is known before the walk. */
  readonly contentBytes?: number
  /** What a person should know: what was left out, or made up. */
  readonly notes?: readonly string[]
  /** What the release is to say of a module that is made of it. */
  readonly traits?: ModuleTraits
}
