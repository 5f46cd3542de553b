import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { MachineError } from '../errors.ts'
import { otherSlot, slots, type MachineLayout, type Slot } from '../machine-layout.ts'
import {
  imageModules,
  type MachineSettings,
  type MachineState,
  type SlotModule,
  type SlotRecord,
} from '../machine-state.ts'
import { isSamePlace } from './image-place.ts'

/**
 * A slot's record with the places of its images, by the machine's settings. Throws IMAGE_PLACE_INVALID where one is a
 * place of the other slot, which is to stay as it is, or two are the same.
 */
export function withPlaces(record: SlotRecord, slot: Slot, state: MachineState): SlotRecord {
  const { images = {} } = state.settings()
  const modules = record.modules.map((module) => {
    if (module.kind === undefined) return module
    const place = images[module.name]?.[slot]
    return place === undefined ? module : { ...module, place }
  })
  const placed = { ...record, modules }
  const own = placedImages(state.layout, slot, placed)
  const other = placedImages(state.layout, otherSlot(slot), state.slot(otherSlot(slot)))
  for (const [index, image] of own.entries()) {
    const others = [...other, ...own.slice(0, index)]
    const same = others.find(({ place }) => isSamePlace(place, image.place))
    if (same !== undefined) throw shared(image.place, [image.name, same.name])
  }
  return placed
}

/** The images of a slot, and where they are: in the machine's directory, wherever that is, or where the record says. */
export function placedImages(
  layout: MachineLayout,
  slot: Slot,
  record: Pick<SlotRecord, 'modules'> | undefined,
): readonly PlacedImage[] {
  return imageModules(record ?? { modules: [] }).map(({ name, digest, bytes, place }) => ({
    name,
    digest,
    bytes,
    kind: 'image',
    place: place ?? resolve(layout.image(name, slot)),
  }))
}

export type PlacedImage = SlotModule & { readonly place: string }

/** Throws IMAGE_PLACE_INVALID. */
export function refuseSharedPlaces(images: NonNullable<MachineSettings['images']>): void {
  const all = Object.entries(images).flatMap(([name, places]) =>
    slots.map((slot) => ({ name, place: places[slot] })),
  )
  for (const [index, { name, place }] of all.entries()) {
    const same = all.slice(0, index).find((other) => isSamePlace(other.place, place))
    if (same !== undefined) throw shared(place, [same.name, name])
  }
}

/** Removes the images in the machine's directory that are in no slot. */
export function forgetImages(state: MachineState): void {
  const { layout } = state
  if (!existsSync(layout.images)) return
  const used = new Set(
    slots.flatMap((slot) => placedImages(layout, slot, state.slot(slot))).map(({ place }) => place),
  )
  for (const name of readdirSync(layout.images)) {
    const path = resolve(join(layout.images, name))
    if (!used.has(path)) rmSync(path, { force: true, recursive: true })
  }
}

function shared(place: string, names: readonly string[]): MachineError {
  const modules = [...new Set(names)].join(' and ')
  return new MachineError('IMAGE_PLACE_INVALID', `${place} is the place of two images, of ${modules}`, {
    hint: '"vend-client image set" gives each slot of each module a place of its own; nothing was changed',
  })
}
