import { selectModules, type Release } from '../../manifests/release.ts'
import type { MachineSettings, SlotRecord } from './machine-state.ts'

export interface ModuleStatus {
  readonly name: string
  readonly wanted: boolean
  readonly installed: boolean
  readonly includes: readonly string[]
  /** What comes along when someone asks for it. */
  readonly optional: readonly string[]
  /** Every machine has it. */
  readonly essential: boolean
  readonly kind: 'root' | 'image'
  readonly description: string | undefined
  readonly entries: number
  readonly contentBytes: number
}

/** The modules that a release has, which of them a machine asks for, and which it has. */
export function moduleStatuses(
  release: Release,
  { modules: asked }: MachineSettings,
  installed: SlotRecord | undefined,
): readonly ModuleStatus[] {
  // What it has no more must not keep anyone from asking for something else.
  const known = asked === 'all' ? asked : asked.filter((name) => Object.hasOwn(release.modules, name))
  const wanted = new Set(selectModules(release, known))
  const here = new Set(installed?.modules.map(({ name }) => name))
  return Object.entries(release.modules).map(([name, module]) => ({
    name,
    wanted: wanted.has(name),
    installed: here.has(name),
    includes: module.includes,
    optional: module.optional ?? [],
    essential: module.essential === true,
    kind: module.kind ?? 'root',
    description: module.description,
    entries: module.entries,
    contentBytes: module.contentBytes,
  }))
}
