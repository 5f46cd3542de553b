import type { ReleaseModule } from '../../../manifests/release.ts'

/** A hook as a machine runs it. */
export interface PlannedHook {
  readonly module: string
  readonly name: string
  /** The program's absolute path in the root, and its arguments. */
  readonly run: readonly string[]
}

export type HookedModules = Readonly<Record<string, Pick<ReleaseModule, 'includes' | 'hooks'>>>

/**
 * The hooks of the modules `names` in the order in which they run (format §8.7): a module's come after those of the
 * modules that it includes, otherwise by name; what several ask for runs once, where the last of them asks for it.
 */
export function planHooks(modules: HookedModules, names: readonly string[]): PlannedHook[] {
  const all = includesFirst(modules, names).flatMap((module) =>
    (modules[module]?.hooks ?? []).map(({ name, run }) => ({ module, name, run })),
  )
  const last = new Map(all.map(({ run }, index) => [JSON.stringify(run), index]))
  return all.filter(({ run }, index) => last.get(JSON.stringify(run)) === index)
}

/** Of all the modules whose includes are done, the first by name comes next. */
function includesFirst(modules: HookedModules, names: readonly string[]): string[] {
  const left = new Set(names.toSorted())
  const ordered: string[] = []
  while (left.size > 0) {
    const isReady = (name: string): boolean => !modules[name]?.includes.some((include) => left.has(include))
    const next = [...left].find(isReady)
    if (next === undefined) throw new RangeError('modules include one another in a circle')
    left.delete(next)
    ordered.push(next)
  }
  return ordered
}
