import type { PackageIndex } from '../packages/package-index.ts'
import type { ModuleProblem } from './errors.ts'
import type { ModuleDefinitions } from './module-definition.ts'
import type { ModuleGraph } from './module-graph.ts'
import { chosenFor, packagesNamed, type Closures } from './package-closure.ts'

export interface PackagePlacement {
  /** The module that each package lies in, by id. */
  readonly homes: ReadonlyMap<string, string>
  /** Of packages that lie in a module that did not ask for them: those that did. */
  readonly lowered: ReadonlyMap<string, readonly string[]>
  readonly problems: readonly ModuleProblem[]
  readonly notes: readonly string[]
}

/**
 * Gives every package one module: that of those which need it that the others include, else the uppermost module
 * that all of them include.
 *
 * So what a package depends on is in reach wherever it lies: whoever needs the package needs that too, and what is
 * common to more modules lies no higher.
 */
export function placePackages(
  definitions: ModuleDefinitions,
  graph: ModuleGraph,
  index: PackageIndex,
  { closures }: Pick<Closures, 'closures'>,
): PackagePlacement {
  const homes = new Map<string, string>()
  const lowered = new Map<string, readonly string[]>()
  const homeless = new Map<string, Homeless>()
  const excluded = excludedByModule(definitions, index)
  for (const { id } of index.packages) {
    const askers = graph.names.filter((name) => closures.get(name)?.has(id))
    if (askers.length === 0) continue
    const home = graph.homeFor(askers)
    const isLowered = home !== undefined && !askers.includes(home)
    const excluder = isLowered && excluded.get(home)?.has(id) === true ? home : undefined
    if (home === undefined || excluder !== undefined || (isLowered && !definitions.mayShare)) {
      const key = [...askers, `/${excluder ?? ''}`].join(' ')
      const known = homeless.get(key) ?? { askers, excluder, ids: [] }
      known.ids.push(id)
      homeless.set(key, known)
      continue
    }
    homes.set(id, home)
    if (isLowered) lowered.set(id, uppermostOf(askers, graph))
  }
  const problems = [...homeless.values()].map((each) =>
    sharedProblem(definitions, graph, { ...each, askers: uppermostOf(each.askers, graph) }),
  )
  const conflicts = findConflicts(definitions, index, homes)
  return {
    homes,
    lowered,
    problems: [...problems, ...conflicts],
    notes: findHoles(definitions, graph, index, homes),
  }
}

/** Packages that several modules need and that have no place. */
interface Homeless {
  readonly askers: readonly string[]
  /** The module that would have them, and says that it does without. */
  readonly excluder: string | undefined
  readonly ids: string[]
}

function excludedByModule(
  { modules }: ModuleDefinitions,
  index: PackageIndex,
): ReadonlyMap<string, ReadonlySet<string>> {
  const idsOf = (names: readonly string[]): string[] =>
    names.flatMap((name) => packagesNamed(name, index)).map(({ id }) => id)
  return new Map(
    [...modules.values()].map(({ name, excludedPackages }) => [name, new Set(idsOf(excludedPackages))]),
  )
}

/** Without those that another of them includes. */
function uppermostOf(modules: readonly string[], graph: ModuleGraph): string[] {
  return modules.filter((one) => modules.every((each) => each === one || !graph.reach(each).has(one)))
}

const maxNamed = 12

function sharedProblem(
  { file, mayShare }: ModuleDefinitions,
  graph: ModuleGraph,
  { askers, excluder, ids }: Homeless,
): ModuleProblem {
  const named =
    ids.slice(0, maxNamed).join(', ') + (ids.length > maxNamed ? ` and ${ids.length - maxNamed} more` : '')
  const common = graph.commonTo(askers)
  if (excluder !== undefined) {
    return {
      kind: 'package-shared',
      subject: ids.join(' '),
      message:
        `${file}: the modules ${askers.join(' and ')} need ${named}, which would be in ${excluder}, and ${excluder} excludes it; ` +
        'take it out of "exclude" there, or make a module that has it, and include it in each of these',
    }
  }
  const wayOut =
    common.length === 0
      ? 'make a module that has them, and include it in each of these'
      : mayShare
        ? `several modules could have them (${common.join(', ')}): let one of these include the other, or list them in a module that both of these include`
        : `list them in ${common.join(' or ')}, or write "shared: lower" to have them put there`
  return {
    kind: 'package-shared',
    subject: ids.join(' '),
    message: `${file}: the modules ${askers.join(' and ')} need ${named}, and none of them includes the other; ${wayOut}`,
  }
}

/** Packages of which one says that it does not go with the other. A package does not conflict with its own name. */
function findConflicts(
  { file }: ModuleDefinitions,
  index: PackageIndex,
  homes: ReadonlyMap<string, string>,
): ModuleProblem[] {
  return index.packages.flatMap((each) => {
    const home = homes.get(each.id)
    if (home === undefined) return []
    return each.conflicts.flatMap((relation) =>
      index
        .satisfying(relation, each)
        .filter((other) => other.name !== each.name && homes.has(other.id))
        .map((other): ModuleProblem => ({
          kind: 'package-conflict',
          subject: `${each.id} ${other.id}`,
          message:
            `${file}: ${each.id} (in ${home}) conflicts with ${relation.text}, and ${other.id} ${other.version} ` +
            `(in ${homes.get(other.id)}) is that; install only one of them in the tree`,
        })),
    )
  })
}

/** Dependencies that a machine may lack because another module than the package's own excludes them. */
function findHoles(
  { modules }: ModuleDefinitions,
  graph: ModuleGraph,
  index: PackageIndex,
  homes: ReadonlyMap<string, string>,
): string[] {
  const listed = new Set(
    [...modules.values()]
      .flatMap(({ packages }) => packages.flatMap((name) => packagesNamed(name, index)))
      .map(({ id }) => id),
  )
  return index.packages.flatMap((each) => {
    const home = homes.get(each.id)
    if (home === undefined) return []
    const reach = graph.reach(home)
    return each.depends.flatMap((group) => {
      const needed = chosenFor(group, each, index, (id) => listed.has(id))
      if (needed === undefined) return []
      const place = homes.get(needed.id)
      if (place !== undefined && reach.has(place)) return []
      const where = place === undefined ? 'in no module' : `in ${place} only`
      return [`${each.id} in ${home} depends on ${needed.id}, which is ${where}: a module excludes it`]
    })
  })
}
