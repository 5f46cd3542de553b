import { join } from 'node:path'
import { hexOf, type Digest } from '../../manifests/digest.ts'

/** The two roots of a machine. */
export type Slot = 'a' | 'b'

export const slots: readonly Slot[] = ['a', 'b']

export function otherSlot(slot: Slot): Slot {
  return slot === 'a' ? 'b' : 'a'
}

/**
 * Where a machine keeps what:
 *
 *     machine.json           what it follows; written by `init` and `module`
 *     trust/                 the TUF metadata it trusts
 *     manifests/<hex>.ndjson the manifests of what is, or is being, installed
 *     downloads/             packs on their way; there only while an update is not complete
 *     slots/a.json, b.json   what a slot holds; absent while it is being built
 *     roots/a, roots/b       the trees
 *     root                   a symlink to the active one: its replacement is the switch
 */
export class MachineLayout {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  get settings(): string {
    return join(this.directory, 'machine.json')
  }

  get trust(): string {
    return join(this.directory, 'trust')
  }

  get manifests(): string {
    return join(this.directory, 'manifests')
  }

  get downloads(): string {
    return join(this.directory, 'downloads')
  }

  get slots(): string {
    return join(this.directory, 'slots')
  }

  get roots(): string {
    return join(this.directory, 'roots')
  }

  get activeLink(): string {
    return join(this.directory, 'root')
  }

  get lock(): string {
    return join(this.directory, 'lock')
  }

  manifest(digest: Digest): string {
    return join(this.manifests, `${hexOf(digest)}.ndjson`)
  }

  slotRecord(slot: Slot): string {
    return join(this.slots, `${slot}.json`)
  }

  root(slot: Slot): string {
    return join(this.roots, slot)
  }
}
