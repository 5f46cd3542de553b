import type { ModuleTraits } from '../../manifests/release.ts'
import { PackageIndex } from '../packages/package-index.ts'
import { readPackages } from '../packages/read-packages.ts'
import type { TreeSource } from '../tree/tree-source.ts'
import { ModulesError } from './errors.ts'
import type { ModuleDefinition, ModuleDefinitions } from './module-definition.ts'
import { circlesIn, ModuleGraph } from './module-graph.ts'
import { findClosures, type PackageClosure } from './package-closure.ts'
import type { FilePlacement } from './file-placement.ts'
import { ImageOfTree } from './image-of-tree.ts'
import { imageProblems } from './image-problems.ts'
import { placeFiles } from './place-files.ts'
import { placePackages, type PackagePlacement } from './place-packages.ts'
import { resolveHooks } from './resolve-hooks.ts'
import { SelectedTree } from './selected-tree.ts'
import type { ModuleProblem } from './errors.ts'
import type { TreeSurvey } from './tree-survey.ts'

/** How a tree is split into modules, and why. */
export interface ModulePlan {
  readonly definitions: ModuleDefinitions
  readonly graph: ModuleGraph
  readonly index: PackageIndex
  readonly survey: TreeSurvey
  readonly closures: ReadonlyMap<string, PackageClosure>
  readonly packages: PackagePlacement
  readonly files: FilePlacement
  /** In the order of the definition. */
  readonly modules: readonly PlannedModule[]
  /** Everything that is wrong. While there is anything, nothing is to be published. */
  readonly problems: readonly ModuleProblem[]
  /** What one should know, and is no reason to stop. */
  readonly notes: readonly string[]
}

export interface PlannedModule {
  readonly definition: ModuleDefinition
  /** Ids of the packages that lie in it, sorted. */
  readonly packages: readonly string[]
  /** Those of them that only modules above it need. */
  readonly lowered: readonly string[]
  readonly entries: number
  /** Of content, an inode once. */
  readonly bytes: number
  readonly traits: ModuleTraits
}

/** A module as it is to be published. */
export interface PlannedSource {
  readonly name: string
  readonly tree: TreeSource
  readonly includes: readonly string[]
  readonly traits: ModuleTraits
}

/** The file and its root. */
const imageEntries = 2

/**
 * Splits a tree into modules; the same tree and definition give the same plan. Throws PackageDatabaseError, and
 * ModulesError where the includes go in a circle, as then nothing further can be said.
 */
export function planModules(definitions: ModuleDefinitions, survey: TreeSurvey): ModulePlan {
  const circles = circlesIn(definitions)
  if (circles.length > 0) throw new ModulesError('MODULES_UNRESOLVED', circles)
  const graph = new ModuleGraph(definitions)
  const index = new PackageIndex(readPackages(survey.databaseFiles))
  const { closures, problems, leftOut } = findClosures(definitions, graph, index)
  const packages = placePackages(definitions, graph, index, { closures })
  const files = placeFiles(definitions, graph, index, survey, packages.homes)
  const hooks = new Map(
    [...definitions.modules.values()].map((module) => [
      module.name,
      resolveHooks(module, definitions, graph, survey, files),
    ]),
  )
  const sizes = measure(survey, files)
  const modules = [...definitions.modules.values()].map((definition): PlannedModule => {
    const { name } = definition
    const own = index.packages.filter(({ id }) => packages.homes.get(id) === name).map(({ id }) => id)
    return {
      definition,
      packages: own,
      lowered: own.filter((id) => packages.lowered.has(id)),
      entries: definition.image === undefined ? (sizes.get(name)?.entries ?? 0) : imageEntries,
      bytes: sizes.get(name)?.bytes ?? 0,
      traits: traitsOf(definition, hooks.get(name)?.hooks ?? []),
    }
  })
  const apart = linksApart(survey, files)
  return {
    definitions,
    graph,
    index,
    survey,
    closures,
    packages,
    files,
    modules,
    problems: [
      ...problems,
      ...packages.problems,
      ...files.problems,
      ...imageProblems(definitions, survey, files),
      ...[...hooks.values()].flatMap((each) => each.problems),
    ],
    notes: [
      ...packages.notes,
      ...files.notes,
      ...(leftOut.length === 0 ? [] : [`packages that no module needs are left out: ${leftOut.join(', ')}`]),
      ...(apart === 0
        ? []
        : [`${apart} hard links lead from one module to another: each module gets a file of its own`]),
    ],
  }
}

/** The modules to publish. Throws ModulesError (MODULES_UNRESOLVED) with all problems of the plan. */
export function sourcesOf(plan: ModulePlan, tree: TreeSource): PlannedSource[] {
  if (plan.problems.length > 0) throw new ModulesError('MODULES_UNRESOLVED', plan.problems)
  return plan.modules.map(({ definition: { name, includes, image }, traits }) => ({
    name,
    tree: image === undefined ? new SelectedTree(tree, name, plan.files) : new ImageOfTree(tree, image),
    includes,
    traits,
  }))
}

function traitsOf(
  { description, image, isEssential, optional }: ModuleDefinition,
  hooks: NonNullable<ModuleTraits['hooks']>,
): ModuleTraits {
  return {
    ...(description !== undefined && { description }),
    ...(isEssential && { essential: true as const }),
    ...(hooks.length > 0 && { hooks }),
    ...(image !== undefined && { kind: 'image' as const }),
    ...(optional.length > 0 && { optional }),
  }
}

function measure(
  { entries }: TreeSurvey,
  { files, directories }: FilePlacement,
): Map<string, { entries: number; bytes: number }> {
  const sizes = new Map<string, { entries: number; bytes: number }>()
  const add = (module: string, bytes: number): void => {
    const size = sizes.get(module) ?? { entries: 0, bytes: 0 }
    size.entries++
    size.bytes += bytes
    sizes.set(module, size)
  }
  const counted = new Set<string>()
  for (const [path, { module }] of files) {
    if (module === undefined) continue
    const entry = entries.get(path)
    const inode = entry?.type === 'hardlink' ? (entry.target ?? path) : path
    const key = `${module} ${inode}`
    const isFirst = entry?.type === 'file' || (entry?.type === 'hardlink' && !counted.has(key))
    counted.add(key)
    add(module, isFirst ? (entries.get(inode as typeof path)?.size ?? 0) : 0)
  }
  for (const modules of directories.values()) for (const module of modules) add(module, 0)
  return sizes
}

function linksApart({ entries }: TreeSurvey, { files }: FilePlacement): number {
  let apart = 0
  for (const { path, type, target } of entries.values()) {
    if (type !== 'hardlink') continue
    const [own, other] = [files.get(path)?.module, files.get(target as typeof path)?.module]
    if (own !== undefined && own !== other) apart++
  }
  return apart
}
