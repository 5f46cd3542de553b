import { selectModules, type Release } from '../../manifests/release.ts'
import { findModule } from '../repository/find-module.ts'

export interface LayerOrder {
  /** What a module includes comes before it; else by name. */
  readonly modules: readonly string[]
  /** Modules that are no part of a root file system. */
  readonly leftOut: readonly string[]
}

/**
 * The modules that a machine gets that asks for `names` (all, if there are none), in the order of layers. Throws
 * MODULE_UNKNOWN.
 */
export function orderLayers(release: Release, names: readonly string[]): LayerOrder {
  for (const name of names) findModule(release, name)
  const selected = selectModules(release, names.length === 0 ? 'all' : names)
  const isImage = (name: string): boolean => release.modules[name]?.kind === 'image'
  return {
    modules: inOrder(release, selected).filter((name) => !isImage(name)),
    leftOut: selected.filter(isImage),
  }
}

function inOrder(release: Release, selected: readonly string[]): string[] {
  const ordered = new Set<string>()
  const enter = (name: string): Frame => ({
    name,
    includes: [...(release.modules[name]?.includes ?? [])].sort(),
  })
  for (const top of [...selected].sort()) {
    // A stack of its own: includes may be nested deeper than calls.
    const stack = [enter(top)]
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const next = frame.includes.shift()
      if (next !== undefined) {
        if (!ordered.has(next)) stack.push(enter(next))
        continue
      }
      ordered.add(frame.name)
      stack.pop()
    }
  }
  return [...ordered]
}

interface Frame {
  readonly name: string
  /** Still to be visited. */
  readonly includes: string[]
}
