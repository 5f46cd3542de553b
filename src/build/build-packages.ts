import { availableParallelism } from 'node:os'
import { buildPackage, type BuildEnvironment } from './build-package.ts'
import { hashInputs } from './input-hash.ts'
import { orderRecipes, type OrderedRecipe } from './order-recipes.ts'
import {
  findPackageFiles,
  inputsOfFiles,
  type FoundRecipe,
  type PackageFiles,
  type SourcePlaces,
} from './package-inputs.ts'
import { readRecipes } from './read-recipes.ts'
import { runInOrder } from './run-in-order.ts'

export interface BuildRequest extends SourcePlaces {
  /** What the building system has of what is only needed to build: `gcc`, `cmake=3.25`. */
  readonly hostProvides?: readonly string[] | undefined
  /** How many packages are built at once. Default: one a processor. */
  readonly jobs?: number | undefined
}

export interface BuildEvents {
  readonly onPlanned?: (plan: readonly PlannedPackage[]) => void
  readonly onStarted?: (base: string) => void
  readonly onBuilt?: (built: PackageBuild) => void
}

export interface PlannedPackage {
  readonly base: string
  readonly version: string
  readonly hash: string
  readonly needs: readonly string[]
}

export interface PackageBuild extends PlannedPackage {
  /** False when it was in the cache. */
  readonly isNew: boolean
  /** The paths of the package files, in the cache. */
  readonly files: readonly string[]
  readonly ms: number
}

interface Planned extends PlannedPackage {
  readonly recipe: FoundRecipe
  readonly files: PackageFiles
}

/**
 * Builds every package of a set that is not in the cache as its inputs are now, each after those it needs, and returns
 * all, in that order. A failure lets the builds that have begun end, and starts none. Throws BuildError.
 */
export async function buildPackages(
  request: BuildRequest,
  environment: BuildEnvironment,
  events: BuildEvents = {},
): Promise<PackageBuild[]> {
  const jobs = request.jobs ?? availableParallelism()
  const recipes = await readRecipes(request.packages, environment, jobs)
  const plan = await planBuilds(orderRecipes(recipes, request.hostProvides), request, environment)
  events.onPlanned?.(plan)
  const built = new Map<string, PackageBuild>()
  await runInOrder(
    plan.map((each) => ({ ...each, name: each.base })),
    jobs,
    async (each) => {
      const build = await buildOrReuse(each, plan, built, environment, events)
      built.set(each.base, build)
      events.onBuilt?.(build)
    },
  )
  return plan.flatMap(({ base }) => built.get(base) ?? [])
}

async function planBuilds(
  ordered: readonly OrderedRecipe<FoundRecipe>[],
  request: BuildRequest,
  { tools }: BuildEnvironment,
): Promise<Planned[]> {
  const hashes = new Map<string, string>()
  const plan: Planned[] = []
  for (const { recipe, needs } of ordered) {
    const files = await findPackageFiles(recipe, request)
    const hash = hashInputs({
      base: recipe.base,
      ...inputsOfFiles(recipe, files),
      needs: Object.fromEntries(needs.map((need) => [need, hashes.get(need) ?? ''])),
      tools: tools.facts,
    })
    hashes.set(recipe.base, hash)
    plan.push({ base: recipe.base, version: recipe.version, hash, needs, recipe, files })
  }
  return plan
}

async function buildOrReuse(
  { base, version, hash, needs, recipe, files }: Planned,
  plan: readonly Planned[],
  built: ReadonlyMap<string, PackageBuild>,
  environment: BuildEnvironment,
  events: BuildEvents,
): Promise<PackageBuild> {
  const { cache } = environment
  const started = performance.now()
  const found = await cache.find(hash)
  if (found === undefined) events.onStarted?.(base)
  const result =
    found ??
    (await buildPackage(
      recipe,
      { hash, files, needs: allNeeds(base, plan).flatMap((need) => built.get(need)?.files ?? []) },
      environment,
    ))
  return {
    base,
    version,
    hash,
    needs,
    isNew: found === undefined,
    files: cache.files(hash, result),
    ms: performance.now() - started,
  }
}

/** Also what the needed need: a library's own libraries. */
function allNeeds(base: string, plan: readonly Planned[]): string[] {
  const wanted = new Set<string>()
  const queue = [base]
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const need of plan.find((each) => each.base === name)?.needs ?? []) {
      if (!wanted.has(need)) queue.push(need)
      wanted.add(need)
    }
  }
  return [...wanted].sort()
}
