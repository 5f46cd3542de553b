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
 *     slots/a.hooks.ndjson   what hooks made and changed in its root, where any ran
 *     roots/a, roots/b       the trees
 *     images/<name>.a, .b    the images of image modules that the settings name no other place for
 *     root                   a symlink to the active one: its replacement is the switch
 *
 * A machine that has had images has one more level, so that one replacement switches root and images together:
 *
 *     slots/a/root, image-<name>   symlinks to what belongs to the slot
 *     active                       a symlink to slots/a or slots/b: its replacement is the switch
 *     root                         a symlink to active/root
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

  get images(): string {
    return join(this.directory, 'images')
  }

  get rootLink(): string {
    return join(this.directory, 'root')
  }

  get activeLink(): string {
    return join(this.directory, 'active')
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

  hookRecord(slot: Slot): string {
    return join(this.slots, `${slot}.hooks.ndjson`)
  }

  slotLinks(slot: Slot): string {
    return join(this.slots, slot)
  }

  root(slot: Slot): string {
    return join(this.roots, slot)
  }

  image(module: string, slot: Slot): string {
    return join(this.images, `${module}.${slot}`)
  }
}
