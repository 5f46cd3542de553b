import { readFile } from 'node:fs/promises'
import type { TreeSource } from '../tree/tree-source.ts'
import type { WalkOptions } from '../tree/walk-directory.ts'
import { ModulesError } from './errors.ts'
import type { ModuleDefinitions } from './module-definition.ts'
import { planModules, sourcesOf, type ModulePlan, type PlannedSource } from './module-plan.ts'
import { readDefinition } from './read-definition.ts'
import { surveyTree } from './tree-survey.ts'

export interface SplitTree {
  readonly plan: ModulePlan
  readonly modules: readonly PlannedSource[]
}

/** A modules.yaml on disk. Throws ModulesError (MODULES_INVALID), also when it cannot be read. */
export async function loadDefinition(file: string): Promise<ModuleDefinitions> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/, open .*/, '') : ''
    const message = `${file}: cannot be read: ${why}; name another with --definition or --modules`
    throw new ModulesError('MODULES_INVALID', [{ kind: 'definition', subject: file, message }])
  }
  return readDefinition(text, file)
}

/**
 * A tree as the modules of a modules.yaml, ready to be published. Walks the tree once; each module walks it again when
 * it is published. Throws ModulesError with everything that is wrong, PackageDatabaseError, and what walking throws.
 */
export async function splitTree(
  tree: TreeSource,
  file: string,
  options: WalkOptions & { readonly signal?: AbortSignal } = {},
): Promise<SplitTree> {
  const definitions = await loadDefinition(file)
  const plan = planModules(definitions, surveyTree(tree, options))
  return { plan, modules: sourcesOf(plan, tree) }
}
