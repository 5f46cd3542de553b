import { walkDirectory, type WalkedEntry, type WalkOptions } from './walk-directory.ts'

/** What a module's entries come from. */
export interface TreeSource {
  /** As people named it; for messages. */
  readonly name: string
  /**
   * Every entry in the order of manifests, the root itself first, as `walkDirectory` gives them. May be called again
   * once the walk before has ended.
   */
  walk(options?: WalkOptions): Iterable<WalkedEntry>
}

/** A directory of this machine. */
export class DirectoryTree implements TreeSource {
  readonly name: string

  constructor(directory: string) {
    this.name = directory
  }

  walk(options?: WalkOptions): Iterable<WalkedEntry> {
    return walkDirectory(this.name, options)
  }
}
