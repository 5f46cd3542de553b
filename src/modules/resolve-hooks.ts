import { joinTreePath, nameOf, parentOf, type TreePath } from '../../manifests/tree-path.ts'
import type { Hook } from '../../manifests/release.ts'
import { suggestName } from '../suggest-name.ts'
import type { ModuleProblem } from './errors.ts'
import { knownHooks, programDirectories } from './known-hooks.ts'
import { maxHooks, type ModuleDefinition, type ModuleDefinitions } from './module-definition.ts'
import type { ModuleGraph } from './module-graph.ts'
import type { FilePlacement } from './file-placement.ts'
import type { TreeSurvey } from './tree-survey.ts'

export interface ResolvedHooks {
  readonly hooks: readonly Hook[]
  readonly problems: readonly ModuleProblem[]
}

/** The hooks of a module as programs in the tree, each of which must be in reach of the module. */
export function resolveHooks(
  module: ModuleDefinition,
  definitions: ModuleDefinitions,
  graph: ModuleGraph,
  survey: TreeSurvey,
  { files }: FilePlacement,
): ResolvedHooks {
  const hooks: Hook[] = []
  const problems: ModuleProblem[] = []
  for (const [i, hook] of module.hooks.entries()) {
    const place = `${definitions.file}:${definitions.lineOf('modules', module.name, 'hooks', i)}: modules.${module.name}.hooks`
    const refuse = (subject: string, why: string): void => {
      problems.push({ kind: 'hook-missing', subject, message: `${place}: ${why}` })
    }
    if (typeof hook !== 'string') {
      hooks.push(hook)
      continue
    }
    const known = Object.hasOwn(knownHooks, hook) ? knownHooks[hook] : undefined
    if (known === undefined) {
      const names = Object.keys(knownHooks)
      const nearest = suggestName(hook, names) || `; known are ${names.join(', ')}`
      refuse(
        hook,
        `there is no hook "${hook}"${nearest}; write {name: ${hook}, run: [/PROGRAM, ARGUMENT]} for your own`,
      )
      continue
    }
    const path = programDirectories
      .map((directory) => `${directory}/${known.program}` as TreePath)
      .find((each) => survey.entries.has(each))
    if (path === undefined) {
      refuse(hook, `the tree has no program ${known.program}; install its package, or take the hook out`)
      continue
    }
    const home = files.get(path)?.module
    if (home === undefined || !graph.reach(module.name).has(home)) {
      const where = home === undefined ? 'in no module' : `in ${home}, which ${module.name} does not include`
      refuse(hook, `its program /${path} is ${where}; include that module, or move the hook there`)
      continue
    }
    const run = [`/${path}`, ...known.args]
    if (known.each === undefined) hooks.push({ name: hook, run })
    else {
      const directories = namesBelow(known.each, survey)
      if (directories.length === 0)
        refuse(hook, `the tree has nothing in /${known.each.join(' or /')} for it`)
      for (const name of directories) {
        hooks.push({ name: directories.length === 1 ? hook : hookName(hook, name), run: [...run, name] })
      }
    }
  }
  if (hooks.length > maxHooks) {
    const place = `${definitions.file}:${definitions.lineOf('modules', module.name, 'hooks')}: modules.${module.name}.hooks`
    const message = `${place}: come to ${hooks.length} programs, and a module has ${maxHooks} at most; put some into a program of your own that runs them`
    problems.push({ kind: 'hook-missing', subject: module.name, message })
  }
  return { hooks, problems }
}

function namesBelow(directories: readonly string[], { entries }: TreeSurvey): string[] {
  for (const directory of directories) {
    if (!entries.has(directory as TreePath)) continue
    const found = [...entries.values()].filter(
      ({ path, type }) =>
        type === 'directory' &&
        parentOf(path) === directory &&
        joinTreePath(parentOf(path), nameOf(path)) === path,
    )
    if (found.length > 0) return found.map(({ path }) => nameOf(path))
  }
  return []
}

function hookName(hook: string, name: string): string {
  return `${hook}-${name.toLowerCase().replaceAll(/[^a-z0-9._-]/g, '-')}`.slice(0, 64)
}
