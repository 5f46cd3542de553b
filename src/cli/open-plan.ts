import type { ModulePlan } from '../modules/module-plan.ts'
import type { CommandContext } from './command-context.ts'
import { findSource } from '../sources/source-kind.ts'
import { SourceError } from '../sources/errors.ts'
import { argument, flag, option } from './parameters.ts'
import { parsePathText } from './setting-parsers.ts'

export const defaultDefinition = 'modules.yaml'

/** What the commands about modules have in common. */
export const planArguments = {
  source: argument('source', 'a directory, archive, image or set of packages', parsePathText),
}

export const planOptions = {
  definition: option(
    '--definition <file>',
    `what the modules are (default ${defaultDefinition})`,
    parsePathText,
  ),
  oneFileSystem: flag('--one-file-system', 'leave out what is mounted inside the tree'),
}

export interface PlanInput {
  readonly source: string
  readonly definition: string | undefined
  readonly oneFileSystem: boolean
}

/** What is wrong with the source, as far as it shows before it is read. */
export function checkPlanned({ source }: PlanInput): string[] {
  try {
    findSource(source)
    return []
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    return [`SOURCE: ${error.message}`]
  }
}

/**
 * How the definition splits the source, with all that is wrong with it. Throws ModulesError for a definition that is
 * none or goes in a circle, and what reading the source throws.
 */
export async function openPlan(
  { source, definition = defaultDefinition, oneFileSystem }: PlanInput,
  { signal, progress }: CommandContext,
): Promise<ModulePlan> {
  const { openSource } = await import('../sources/open-source.ts')
  const { loadDefinition } = await import('../modules/split-tree.ts')
  const { planModules } = await import('../modules/module-plan.ts')
  const { surveyTree } = await import('../modules/tree-survey.ts')
  const definitions = await loadDefinition(definition)
  progress.begin(`reading ${source}`)
  await using opened = await openSource(source, { signal, withPackageDatabase: true })
  return planModules(definitions, surveyTree(opened.tree, { signal, oneFileSystem }))
}
