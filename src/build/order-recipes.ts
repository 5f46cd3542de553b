import { fulfils, parseDependency, parseProvision } from './dependency.ts'
import { BuildError } from './errors.ts'
import type { Recipe } from './recipe.ts'

/** A recipe, and those of the set that must be built before it, sorted by name. */
export interface OrderedRecipe<R extends Recipe = Recipe> {
  readonly recipe: R
  readonly needs: readonly string[]
}

/**
 * The recipes so that each comes after what its packages depend on, to be built, to be checked or to run. Those that
 * could be in either order are in the order of their names. `hostProvides` (`gcc`, `cmake>=3`): what the building
 * system has of what is only needed to build or check. Throws PKGBUILD_INVALID for two packages of one name,
 * BUILD_DEPENDENCY_MISSING with all that is missing, and BUILD_CYCLE.
 */
export function orderRecipes<R extends Recipe>(
  recipes: readonly R[],
  hostProvides: readonly string[] = [],
): OrderedRecipe<R>[] {
  refuseTwice(recipes)
  const missing: string[] = []
  const ordered = recipes
    .map((recipe) => ({ recipe, needs: needsOf(recipe, recipes, hostProvides, missing) }))
    .sort((a, b) => compareNames(a.recipe.base, b.recipe.base))
  if (missing.length > 0) {
    throw new BuildError('BUILD_DEPENDENCY_MISSING', missing.join('; '), {
      hint: 'add a PKGBUILD for it, or name with --host-provides what the building system has of what only builds need',
    })
  }
  return inOrder(ordered)
}

function refuseTwice(recipes: readonly Recipe[]): void {
  const owners = new Map<string, string>()
  for (const { base, packages } of recipes) {
    for (const name of new Set([base, ...packages.map((each) => each.name)])) {
      const other = owners.get(name)
      if (other !== undefined) {
        throw new BuildError('PKGBUILD_INVALID', `two PKGBUILDs make ${name}: ${other} and ${base}`, {
          hint: 'rename one of them, or take it out of the directory',
        })
      }
      owners.set(name, base)
    }
  }
}

function needsOf(
  recipe: Recipe,
  recipes: readonly Recipe[],
  hostProvides: readonly string[],
  missing: string[],
): string[] {
  const found = new Set<string>()
  const toRun = recipe.packages.flatMap(({ depends }) => depends)
  const toBuild = [...recipe.makeDepends, ...recipe.checkDepends]
  for (const text of new Set([...toRun, ...toBuild])) {
    const base = providerOf(text, recipes)
    if (base !== undefined) found.add(base)
    else if (toRun.includes(text) || !isOnHost(text, hostProvides)) {
      missing.push(`${recipe.base} needs ${text}, ${describeAbsence(text, recipes)}`)
    }
  }
  found.delete(recipe.base)
  return [...found].sort()
}

/** A package of that very name goes before what others provide. */
function providerOf(text: string, recipes: readonly Recipe[]): string | undefined {
  const dependency = parseDependency(text)
  const able = recipes.filter(({ packages }) =>
    packages.some(({ provides }) => provides.some((each) => fulfils(each, dependency))),
  )
  const named = able.find(({ packages }) => packages.some(({ name }) => name === dependency.name))
  return (named ?? able.sort((a, b) => compareNames(a.base, b.base))[0])?.base
}

function isOnHost(text: string, hostProvides: readonly string[]): boolean {
  const dependency = parseDependency(text)
  return hostProvides.some((each) => {
    const provision = parseProvision(each)
    return (
      provision.name === dependency.name &&
      (provision.version === undefined || fulfils(provision, dependency))
    )
  })
}

function describeAbsence(text: string, recipes: readonly Recipe[]): string {
  const { name } = parseDependency(text)
  const versions = recipes.flatMap(({ packages }) =>
    packages.flatMap(({ provides }) => provides.filter((each) => each.name === name)),
  )
  if (versions.length === 0) return 'and no PKGBUILD makes it'
  return `and there is ${versions.map(({ version }) => `${name} ${version ?? 'without a version'}`).join(', ')}`
}

function inOrder<R extends Recipe>(recipes: readonly OrderedRecipe<R>[]): OrderedRecipe<R>[] {
  const done = new Set<string>()
  const left = [...recipes]
  const ordered: OrderedRecipe<R>[] = []
  while (left.length > 0) {
    const next = left.findIndex(({ needs }) => needs.every((need) => done.has(need)))
    const [found] = next === -1 ? [] : left.splice(next, 1)
    if (found === undefined) throw cycleAmong(left)
    done.add(found.recipe.base)
    ordered.push(found)
  }
  return ordered
}

/** Everything in `left` needs something else in it, so that a walk along that must come back. */
function cycleAmong(left: readonly OrderedRecipe[]): BuildError {
  const trail: string[] = []
  let base = left[0]?.recipe.base
  while (base !== undefined && !trail.includes(base)) {
    trail.push(base)
    const needs: readonly string[] = left.find(({ recipe }) => recipe.base === base)?.needs ?? []
    base = needs.find((need) => left.some(({ recipe }) => recipe.base === need))
  }
  const circle = base === undefined ? trail : [...trail.slice(trail.indexOf(base)), base]
  return new BuildError('BUILD_CYCLE', `packages need each other to be built: ${circle.join(' → ')}`, {
    hint: 'take one of these dependencies out, or split the package that both need',
  })
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
