import type { Digest } from '../../manifests/digest.ts'
import type { ReleaseModule } from '../../manifests/release.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { readSketches } from '../repository/read-sketches.ts'
import type { Repository } from '../repository/repository.ts'
import type { Sketch } from '../similarity/sketch.ts'
import type { SketchSet } from '../similarity/sketch-set.ts'
import type { EarlierSketches } from './sketch-log.ts'

/** The sketches of the manifests that a module had in earlier releases, as far as there are any. */
export class SketchesOfManifests implements EarlierSketches {
  readonly #sets: ReadonlyMap<Digest, SketchSet>

  private constructor(sets: ReadonlyMap<Digest, SketchSet>) {
    this.#sets = sets
  }

  static async read(
    repository: Repository,
    modules: readonly ReleaseModule[],
    options: CallOptions,
  ): Promise<SketchesOfManifests> {
    const sets = new Map<Digest, SketchSet>()
    for (const module of modules) {
      const { digest } = module.manifest
      if (sets.has(digest)) continue
      const set = await readSketches(repository.store, module, options)
      if (set !== undefined) sets.set(digest, set)
    }
    return new SketchesOfManifests(sets)
  }

  /** How many manifests' there are. */
  get size(): number {
    return this.#sets.size
  }

  hasManifest(digest: Digest): boolean {
    return this.#sets.has(digest)
  }

  has(digest: Digest): boolean {
    return this.#sets.values().some((set) => set.has(digest))
  }

  sketchOf(digest: Digest): Sketch | undefined {
    return this.#sets
      .values()
      .find((set) => set.has(digest))
      ?.sketchOf(digest)
  }
}
