import { garbageKinds, type GarbageKind } from './garbage.ts'

export interface Count {
  readonly objects: number
  readonly bytes: number
}

/** How many objects of each kind, and how large they are. */
export type Tally = Readonly<Record<GarbageKind, Count>>

export class Counter {
  readonly #counts = new Map<GarbageKind, { objects: number; bytes: number }>()

  add(kind: GarbageKind, bytes: number, objects = 1): void {
    const count = this.#counts.get(kind) ?? { objects: 0, bytes: 0 }
    count.objects += objects
    count.bytes += bytes
    this.#counts.set(kind, count)
  }

  get objects(): number {
    return [...this.#counts.values()].reduce((sum, { objects }) => sum + objects, 0)
  }

  tally(): Tally {
    const none = { objects: 0, bytes: 0 }
    return Object.fromEntries(
      garbageKinds.map((kind) => [kind, { ...(this.#counts.get(kind) ?? none) }]),
    ) as unknown as Tally
  }
}
