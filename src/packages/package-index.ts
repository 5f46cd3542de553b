import type { Package, PackageDatabase, Relation } from './package-database.ts'

/** Finds packages by what relations ask for. */
export class PackageIndex {
  readonly database: PackageDatabase
  readonly #byId: ReadonlyMap<string, Package>
  readonly #byName: ReadonlyMap<string, readonly Package[]>
  readonly #providers: ReadonlyMap<string, readonly Package[]>

  constructor(database: PackageDatabase) {
    this.database = database
    const { packages } = database
    this.#byId = new Map(packages.map((each) => [each.id, each]))
    this.#byName = Map.groupBy(packages, ({ name }) => name)
    const offered = packages.flatMap((each) => each.provides.map(({ name }) => ({ name, provider: each })))
    this.#providers = new Map(
      [...Map.groupBy(offered, ({ name }) => name)].map(([name, all]) => [
        name,
        [...new Set(all.map(({ provider }) => provider))],
      ]),
    )
  }

  get packages(): readonly Package[] {
    return this.database.packages
  }

  find(id: string): Package | undefined {
    return this.#byId.get(id)
  }

  /** Those that provide a name which is not their own, by id. */
  providersOf(name: string): readonly Package[] {
    return this.#providers.get(name) ?? []
  }

  /** All that satisfy it, those of that very name first, then those that provide it, each by id. */
  satisfying(relation: Relation, dependant: Package): readonly Package[] {
    const { satisfies } = this.database
    const named = this.#byName.get(relation.name) ?? []
    return [...new Set([...named, ...this.providersOf(relation.name)])].filter((candidate) =>
      satisfies(candidate, relation, dependant),
    )
  }

  /** The names that a relation may ask for. */
  names(): Iterable<string> {
    return this.#byId.keys()
  }
}
