import type { ModuleProblem } from './errors.ts'
import type { ModuleDefinition, ModuleDefinitions } from './module-definition.ts'

/**
 * Which modules a machine has that has a module: itself, what it includes and so on, and the essential ones with
 * what these include, since every machine has those. (Seen from an essential module, only what it includes itself: else
 * two of them would include each other.)
 */
export class ModuleGraph {
  readonly names: readonly string[]
  /** In the order of the file. */
  readonly modules: ReadonlyMap<string, ModuleDefinition>
  readonly #reach: ReadonlyMap<string, ReadonlySet<string>>

  /** The includes must not go in a circle: see `circlesIn`. */
  constructor({ modules }: ModuleDefinitions) {
    this.modules = modules
    this.names = [...modules.keys()]
    const included = new Map(this.names.map((name) => [name, includedBy(modules, [name])]))
    const essential = this.names.filter((name) => modules.get(name)?.isEssential)
    const everywhere = includedBy(modules, essential)
    this.#reach = new Map(
      [...included].map(([name, own]) => [name, everywhere.has(name) ? own : own.union(everywhere)]),
    )
  }

  /** Itself among them. */
  reach(name: string): ReadonlySet<string> {
    return this.#reach.get(name) ?? new Set()
  }

  /**
   * The module in which something lies that all of these modules need: the one of them that the others include, or
   * the uppermost that all of them include. Undefined when there is none, or no single one.
   */
  homeFor(modules: Iterable<string>): string | undefined {
    const candidates = this.commonTo(modules)
    const uppermost = candidates.filter((one) =>
      candidates.every((each) => each === one || !this.reach(each).has(one)),
    )
    return uppermost.length === 1 ? uppermost[0] : undefined
  }

  /** What all of these modules include, or are. */
  commonTo(modules: Iterable<string>): string[] {
    let common: ReadonlySet<string> | undefined
    for (const module of modules) common = common?.intersection(this.reach(module)) ?? this.reach(module)
    return [...(common ?? [])]
  }
}

function includedBy(modules: ReadonlyMap<string, ModuleDefinition>, names: readonly string[]): Set<string> {
  const found = new Set<string>()
  const queue = [...names]
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (found.has(name)) continue
    found.add(name)
    queue.push(...(modules.get(name)?.includes ?? []))
  }
  return found
}

/** Modules that include themselves in the end, one problem a circle. */
export function circlesIn({ file, modules, lineOf }: ModuleDefinitions): ModuleProblem[] {
  const settled = new Set<string>()
  const problems: ModuleProblem[] = []
  const visit = (name: string, trail: readonly string[]): void => {
    if (settled.has(name)) return
    const at = trail.indexOf(name)
    if (at !== -1) {
      const around = [...trail.slice(at), name].join(' → ')
      const line = lineOf('modules', trail.at(-1) ?? name, 'includes')
      const message = `${file}:${line}: the includes go in a circle: ${around}; take one of them out`
      problems.push({ kind: 'cycle', subject: name, message })
      return
    }
    for (const include of modules.get(name)?.includes ?? []) visit(include, [...trail, name])
    settled.add(name)
  }
  for (const name of modules.keys()) visit(name, [])
  return problems
}
