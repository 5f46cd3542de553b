import type { ChunkSource } from '../chunk-source.ts'
import type { MachineLayout, Slot } from '../machine-layout.ts'
import type { SlotRecord } from '../machine-state.ts'
import { ImageModule } from './image-module.ts'
import { imageProblem, ImageTarget } from './image-target.ts'
import { placedImages } from './slot-images.ts'

export interface VerifiedImage {
  readonly module: string
  readonly place: string
  /** Undefined: it is as it must be. */
  readonly problem: 'missing' | 'different' | undefined
  readonly repaired: boolean
}

/** Compares a slot's images with their manifests, and with a source makes them right, chunk by chunk, in their places. */
export async function verifyImages(
  layout: MachineLayout,
  slot: Slot,
  record: SlotRecord,
  repairFrom: ChunkSource | undefined,
): Promise<readonly VerifiedImage[]> {
  const verified: VerifiedImage[] = []
  for (const module of placedImages(layout, slot, record)) {
    using image = await ImageModule.open(layout, module)
    const place = { module: module.name, path: module.place }
    const problem = imageProblem(image, place)
    const isRepaired = problem !== undefined && repairFrom !== undefined
    if (isRepaired) {
      using target = new ImageTarget(image, place)
      await target.writeChunks(repairFrom, () => undefined)
      target.finish()
    }
    verified.push({ module: module.name, place: module.place, problem, repaired: isRepaired })
  }
  return verified
}
