import { selectModules, type Release } from '../../manifests/release.ts'
import type { MachineSettings, SlotRecord } from './machine-state.ts'
import { refuseMissingModules } from './refuse-release.ts'

/** What a slot has with `release` in it and the modules that the machine asks for. Throws MODULE_MISSING. */
export function wantedSlot(release: Release, { modules, channel }: MachineSettings): SlotRecord {
  refuseMissingModules(release, modules)
  const selected = selectModules(release, modules).flatMap((name) => {
    const module = release.modules[name]
    if (module === undefined) return []
    return [{ name, ...module.manifest, ...(module.kind !== undefined && { kind: module.kind }) }]
  })
  return { format: 1, version: release.version, channel, modules: selected }
}

/** Whether both have the same files; the channel that they came by does not matter. */
export function isSameSlot(a: SlotRecord, b: SlotRecord): boolean {
  const key = ({ version, modules }: SlotRecord): string =>
    JSON.stringify([version, modules.map(({ name, digest }) => [name, digest])])
  return key(a) === key(b)
}
