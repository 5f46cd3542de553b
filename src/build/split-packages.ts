import type { ModuleSource } from '../ingest/publish-release.ts'
import { splitTree } from '../modules/split-tree.ts'
import { openPacmanPackages } from '../sources/pacman-packages.ts'

export interface SplitPackages extends AsyncDisposable {
  readonly modules: readonly ModuleSource[]
  readonly contentBytes: number | undefined
  /** What a person should know. */
  readonly notes: readonly string[]
}

/**
 * The modules that a modules.yaml makes of the tree of some package files, whose dependencies are those of the
 * packages. Throws SourceError and ModulesError.
 */
export async function splitPackages(
  files: readonly string[],
  definitions: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<SplitPackages> {
  const opened = await openPacmanPackages(files, { name: 'the packages', withDatabase: true, ...options })
  try {
    const { plan, modules } = await splitTree(opened.tree, definitions, options)
    return {
      modules,
      contentBytes: opened.contentBytes,
      notes: [...(opened.notes ?? []), ...plan.notes],
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    }
  } catch (error) {
    await opened[Symbol.asyncDispose]()
    throw error
  }
}
