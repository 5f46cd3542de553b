import type { ModuleSource } from '../ingest/publish-release.ts'
import type { SourceInput } from './check-sources.ts'

/** What does not go with a file of modules: that says itself how a module is called and what it includes. */
export function checkWithModules({ sources, module, include, prefix }: SourceInput): string[] {
  return [
    ...(sources.length === 1 ? [] : ['--modules: takes one tree, which has the files of all modules']),
    ...(module === undefined && sources.every((each) => each.module === undefined)
      ? []
      : ['--modules: the file names the modules; leave out --module and name=']),
    ...(include.length === 0 ? [] : ['--modules: write "includes" into the file instead of --include']),
    ...(prefix.length === 0 ? [] : ['--modules: a tree with packages has no prefix; leave out --prefix']),
  ]
}

export interface SplitOptions {
  readonly definition: string | undefined
  readonly oneFileSystem: boolean
  readonly signal: AbortSignal
  readonly onNote: (note: string) => void
}

/** Without a definition the sources as they are, else the modules that it makes of the one. */
export async function splitSources(
  sources: readonly ModuleSource[],
  { definition, oneFileSystem, signal, onNote }: SplitOptions,
): Promise<readonly ModuleSource[]> {
  const [only] = sources
  if (definition === undefined || only === undefined) return sources
  const { splitTree } = await import('../modules/split-tree.ts')
  const { plan, modules } = await splitTree(only.tree, definition, { oneFileSystem, signal })
  for (const note of plan.notes) onNote(note)
  return modules
}
