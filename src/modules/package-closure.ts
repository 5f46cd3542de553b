import { suggestName } from '../suggest-name.ts'
import type { Package, Relation } from '../packages/package-database.ts'
import type { PackageIndex } from '../packages/package-index.ts'
import type { ModuleProblem } from './errors.ts'
import { leaveOut, type ModuleDefinition, type ModuleDefinitions } from './module-definition.ts'
import type { ModuleGraph } from './module-graph.ts'

/** Why a package is in the closure of a module. */
export type PackageReason =
  | { readonly kind: 'listed'; readonly as: string }
  | { readonly kind: 'needed'; readonly by: string; readonly relation: string }
  | { readonly kind: 'essential' }
  | { readonly kind: 'rest' }

/** The packages that a module needs, whether or not others bring them: by id, with the shortest reason. */
export type PackageClosure = ReadonlyMap<string, PackageReason>

export interface Closures {
  readonly closures: ReadonlyMap<string, PackageClosure>
  readonly problems: readonly ModuleProblem[]
  /** The ids of packages that no module needs and that are left out, as the definition says. */
  readonly leftOut: readonly string[]
}

/** What every module needs, with the dependencies of what it lists, and without subtracting anything. */
export function findClosures(
  definitions: ModuleDefinitions,
  graph: ModuleGraph,
  index: PackageIndex,
): Closures {
  const search = new ClosureSearch(definitions, index)
  const closures = new Map<string, PackageClosure>()
  const essential = index.packages.filter(({ isEssential }) => isEssential).map(({ id }) => id)
  const isAnyEssential = [...graph.modules.values()].some((module) => module.isEssential)
  for (const module of graph.modules.values()) {
    const seeds = search.listed(module)
    if (module.isEssential || !isAnyEssential) {
      for (const id of essential) seeds.push([id, { kind: 'essential' }])
    }
    closures.set(module.name, search.closureOf(module, seeds))
  }
  const rest = search.unneeded(closures)
  const { unlisted } = definitions
  if (unlisted === undefined) search.refuse(rest)
  else if (unlisted !== leaveOut) {
    const module = graph.modules.get(unlisted)
    const before = closures.get(unlisted)
    if (module !== undefined && before !== undefined) {
      const seeds = rest.map(({ id }) => [id, { kind: 'rest' }] as const)
      closures.set(unlisted, search.closureOf(module, [...before, ...seeds]))
    }
  }
  const leftOut = unlisted === leaveOut ? rest.map(({ id }) => id) : []
  return { closures, problems: search.problems(), leftOut }
}

type Seed = readonly [id: string, reason: PackageReason]

/**
 * The package by which a dependency is met, the same for every module, so that a package has one set of dependencies
 * wherever it lies: of the alternatives in their order the first that is installed; of that, a package of the very
 * name before one that provides it; of several, one that a module lists, then the first by name.
 */
export function chosenFor(
  group: readonly Relation[],
  dependant: Package,
  index: PackageIndex,
  isListed: (id: string) => boolean,
): Package | undefined {
  for (const relation of group) {
    const found = index.satisfying(relation, dependant)
    const named = found.filter(({ name }) => name === relation.name)
    const pool = named.length > 0 ? named : found
    const own = pool.find(({ id }) => id === dependant.id)
    const first = own ?? pool.find(({ id }) => isListed(id)) ?? pool[0]
    if (first !== undefined) return first
  }
  return undefined
}

class ClosureSearch {
  readonly #definitions: ModuleDefinitions
  readonly #index: PackageIndex
  readonly #listed: ReadonlySet<string>
  readonly #problems = new Map<string, ModuleProblem>()

  constructor(definitions: ModuleDefinitions, index: PackageIndex) {
    this.#definitions = definitions
    this.#index = index
    const names = [...definitions.modules.values()].flatMap(({ packages }) => packages)
    this.#listed = new Set(names.flatMap((name) => packagesNamed(name, index)).map(({ id }) => id))
  }

  problems(): ModuleProblem[] {
    return [...this.#problems.values()]
  }

  listed(module: ModuleDefinition): Seed[] {
    return module.packages.flatMap((name, i) => {
      const found = packagesNamed(name, this.#index)
      if (found.length === 0) this.#missing(module, name, i)
      return found.map(({ id }) => [id, { kind: 'listed', as: name }] as const)
    })
  }

  closureOf(module: ModuleDefinition, seeds: readonly Seed[]): PackageClosure {
    const excluded = new Set(
      module.excludedPackages.flatMap((name) => packagesNamed(name, this.#index)).map(({ id }) => id),
    )
    const closure = new Map<string, PackageReason>()
    const queue: string[] = []
    for (const [id, reason] of seeds) {
      if (closure.has(id) || excluded.has(id)) continue
      closure.set(id, reason)
      queue.push(id)
    }
    for (let next = 0; next < queue.length; next++) {
      const dependant = this.#index.find(queue[next] ?? '')
      for (const group of dependant?.depends ?? []) {
        if (dependant === undefined) break
        const needed = chosenFor(group, dependant, this.#index, (id) => this.#listed.has(id))
        const relation = group.map(({ text }) => text).join(' | ')
        if (needed === undefined) {
          const isExcluded = group.some(({ name }) => module.excludedPackages.includes(name))
          if (!isExcluded) this.#unmet(module, dependant, relation)
          continue
        }
        if (closure.has(needed.id) || excluded.has(needed.id)) continue
        closure.set(needed.id, { kind: 'needed', by: dependant.id, relation })
        queue.push(needed.id)
      }
    }
    return closure
  }

  /** Those that no closure has, by id. */
  unneeded(closures: ReadonlyMap<string, PackageClosure>): Package[] {
    const all = [...closures.values()]
    return this.#index.packages.filter(({ id }) => !all.some((closure) => closure.has(id)))
  }

  /** Names those of them that none of the others needs: with these the others come along. */
  refuse(rest: readonly Package[]): void {
    if (rest.length === 0) return
    const left = new Map(rest.map((each) => [each.id, each]))
    const heads: string[] = []
    const brought = new Set<string>()
    const bring = (start: string): void => {
      const queue = [start]
      for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
        const dependant = left.get(id)
        for (const group of dependant?.depends ?? []) {
          if (dependant === undefined) break
          const needed = chosenFor(group, dependant, this.#index, () => false)
          if (needed === undefined || !left.has(needed.id) || brought.has(needed.id)) continue
          brought.add(needed.id)
          queue.push(needed.id)
        }
      }
    }
    for (const { id } of rest) bring(id)
    heads.push(...rest.filter(({ id }) => !brought.has(id)).map(({ id }) => id))
    if (heads.length === 0) heads.push(...rest.slice(0, 1).map(({ id }) => id))
    const others = rest.length - heads.length
    const more = others === 0 ? '' : `, and ${others} more that only these need`
    this.#problems.set('unlisted', {
      kind: 'package-unlisted',
      subject: heads.join(' '),
      message:
        `${this.#definitions.file}: no module needs these packages, which the tree has: ${heads.join(', ')}${more}; ` +
        'list them in modules, or write "unlisted: MODULE" for all of them, or "unlisted: leave-out" to publish none',
    })
  }

  #missing(module: ModuleDefinition, name: string, i: number): void {
    const { file, lineOf } = this.#definitions
    const place = `${file}:${lineOf('modules', module.name, 'packages', i)}: modules.${module.name}.packages`
    const providers = this.#index.providersOf(name).map(({ id }) => id)
    const what = name.includes('*')
      ? `no package of the tree is called ${name}`
      : providers.length > 1
        ? `several packages provide ${name}: name one of ${providers.join(', ')}`
        : `the tree has no package ${name}${suggestName(name, this.#index.names())}`
    this.#problems.set(`missing ${module.name} ${name}`, {
      kind: 'package-missing',
      subject: name,
      message: `${place}: ${what}${providers.length > 1 ? '' : '; install it in the tree, or take the line out'}`,
    })
  }

  #unmet(module: ModuleDefinition, dependant: Package, relation: string): void {
    const key = `unmet ${dependant.id} ${relation}`
    if (this.#problems.has(key)) return
    this.#problems.set(key, {
      kind: 'dependency-missing',
      subject: dependant.id,
      message:
        `${this.#definitions.file}: ${dependant.id}, which the module ${module.name} needs, depends on ${relation}, ` +
        `and no package of the tree is that; install it in the tree, or put ${relation.split(/[ :<>=]/)[0]} into ` +
        `"exclude" of ${module.name}`,
    })
  }
}

/** By id or name, by a glob over names, or as the only one that provides it. */
export function packagesNamed(name: string, index: PackageIndex): readonly Package[] {
  if (name.includes('*')) {
    const pattern = new RegExp(`^${name.replaceAll(/[.+]/g, '\\$&').replaceAll(/\*+/g, '.*')}$`)
    return index.packages.filter((each) => pattern.test(each.id))
  }
  const exact =
    index.find(name) ?? index.packages.find((each) => `${each.name}:${each.architecture}` === name)
  if (exact !== undefined) return [exact]
  const providers = index.providersOf(name)
  return providers.length === 1 ? providers : []
}
