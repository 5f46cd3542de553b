import type { ModuleStatus } from '../client/module-status.ts'
import { ModuleError } from './module-error.ts'
import { suggestName } from '../suggest-name.ts'

/** What a machine asks for; what it installs is that and all it includes. */
export type AskedModules = 'all' | readonly string[]
type Known = readonly (Pick<ModuleStatus, 'name' | 'includes' | 'installed'> &
  Partial<Pick<ModuleStatus, 'optional' | 'essential'>>)[]

/** What a machine is to ask for when modules are added to what it asks for. Throws MODULE_UNKNOWN. */
export function addModules(names: readonly string[], asked: AskedModules, known: Known): AskedModules {
  refuseUnknownModules(names, namesOf(known))
  return asked === 'all' ? 'all' : sorted([...asked, ...names])
}

/** The same with the modules that come along with these, and that come along with those. Throws MODULE_UNKNOWN. */
export function addWithOptional(names: readonly string[], asked: AskedModules, known: Known): AskedModules {
  return addModules(withOptional(names, known), asked, known)
}

/** These modules and the optional ones that come along when someone asks for them. */
export function withOptional(names: readonly string[], known: Known): readonly string[] {
  return closure(names, (name) => known.find((one) => one.name === name)?.optional ?? [])
}

/**
 * What a machine is to ask for when modules are removed from what it asks for. Throws MODULE_NEEDED when one that
 * stays includes one of them or it is essential, and MODULE_UNKNOWN when the machine has nothing to do with one.
 */
export function removeModules(
  names: readonly string[],
  asked: AskedModules,
  known: Known,
): readonly string[] {
  const current = asked === 'all' ? namesOf(known) : asked
  const left = current.filter((name) => !names.includes(name))
  refuseAbsent(names, current, known)
  refuseNeeded(names, left, known)
  if (left.length > 0) return sorted(left)
  throw new ModuleError(
    'MODULE_NEEDED',
    'nothing would be left: a machine has at least one module',
    'add another module first',
  )
}

/** Throws MODULE_UNKNOWN. */
export function refuseUnknownModules(names: readonly string[], known: readonly string[]): void {
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) return
  throw new ModuleError(
    'MODULE_UNKNOWN',
    `the repository has no module "${unknown}"${suggestName(unknown, known)}`,
    `it has ${sorted(known).join(', ')}`,
  )
}

function refuseAbsent(names: readonly string[], current: readonly string[], known: Known): void {
  const present = new Set([
    ...withIncluded(current, known),
    ...known.filter(({ installed }) => installed).map(({ name }) => name),
  ])
  const absent = names.find((name) => !present.has(name))
  if (absent === undefined) return
  throw new ModuleError(
    'MODULE_UNKNOWN',
    `this machine has no module "${absent}"${suggestName(absent, present)}`,
    `it has ${sorted([...present]).join(', ')}`,
  )
}

function refuseNeeded(names: readonly string[], left: readonly string[], known: Known): void {
  const essential = known.filter((one) => one.essential === true).map(({ name }) => name)
  const staying = withIncluded([...left, ...essential], known)
  for (const name of names) {
    if (!staying.has(name)) continue
    if (essential.includes(name)) {
      throw new ModuleError(
        'MODULE_NEEDED',
        `"${name}" cannot be removed: it is essential, and every machine has it`,
        'whoever publishes the releases says which modules are',
      )
    }
    const includer = known.find((one) => staying.has(one.name) && one.includes.includes(name))?.name
    throw new ModuleError(
      'MODULE_NEEDED',
      `"${name}" cannot be removed: "${includer}" includes it`,
      `remove "${includer}" first, or both at once`,
    )
  }
}

function withIncluded(names: readonly string[], known: Known): Set<string> {
  return new Set(closure(names, (name) => known.find((one) => one.name === name)?.includes ?? []))
}

function closure(names: readonly string[], next: (name: string) => readonly string[]): readonly string[] {
  const found = new Set<string>()
  const queue = [...names]
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (found.has(name)) continue
    found.add(name)
    queue.push(...next(name))
  }
  return [...found]
}

function namesOf(known: Known): string[] {
  return known.map(({ name }) => name)
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort()
}
