import type { Digest } from '../../../manifests/digest.ts'
import type { CallOptions } from '../../../storage/blob-store.ts'
import type { Repository } from '../../repository/repository.ts'
import { packOf, type GarbageReason } from './garbage.ts'
import type { NamedManifest } from './reachable.ts'

/** A pack that goes, and the machines that would have gone by it. */
export interface LostPack {
  readonly key: string
  readonly bytes: number
  readonly why: GarbageReason
  /** Undefined: of no release that was listed when the collection began. */
  readonly module: string | undefined
  /** Releases whose machines it starts from; empty: of none that was listed. */
  readonly from: readonly number[]
  readonly to: readonly number[]
  /** That lead machines to one of `to`. */
  readonly channels: readonly string[]
}

export const maxLostPacks = 1000

/** Finds who would miss a pack. A first install, which begins with nothing, can as well go by chunks, and is left out. */
export class LostPacks {
  readonly #named: readonly Named[]
  readonly #channels: ReadonlyMap<number, readonly string[]>
  readonly found: LostPack[] = []
  /** Beyond those that are named. */
  more = 0

  private constructor(named: readonly Named[], channels: ReadonlyMap<number, readonly string[]>) {
    this.#named = named
    this.#channels = channels
  }

  /** `named`: what the releases have of which anybody may still have one. */
  static async of(repository: Repository, named: readonly Named[], options: CallOptions): Promise<LostPacks> {
    const channels = new Map<number, string[]>()
    for (const name of repository.channelNames()) {
      const { version, waypoints } = await repository.channel(name, options)
      for (const each of new Set([version, ...waypoints])) {
        channels.set(each, [...(channels.get(each) ?? []), name])
      }
    }
    return new LostPacks(named, channels)
  }

  add(key: string, bytes: number, why: GarbageReason): void {
    const pack = packOf(key)
    if (pack?.from === undefined) return
    const [from, to] = [this.#find(pack.from), this.#find(pack.to)]
    // Nobody can be on the way to what no release had that anybody remembers.
    if (to === undefined) return
    if (this.found.length === maxLostPacks) {
      this.more += 1
      return
    }
    const channels = new Set(to.versions.flatMap((version) => this.#channels.get(version) ?? []))
    this.found.push({
      key,
      bytes,
      why,
      module: to.module,
      from: from?.versions ?? [],
      to: to.versions,
      channels: [...channels].sort(),
    })
  }
  #find(manifest: Digest): NamedManifest | undefined {
    const found = this.#named.flatMap((named) => named.get(manifest) ?? [])
    const [first] = found
    return (
      first && {
        module: first.module,
        versions: [...new Set(found.flatMap(({ versions }) => versions))].sort((a, b) => a - b),
      }
    )
  }
}

/** The manifests of some releases, and no more of them than the releases say. */
export async function nameManifests(
  repository: Repository,
  versions: readonly number[],
  options: CallOptions,
): Promise<Named> {
  const named = new Map<Digest, { module: string; versions: number[] }>()
  const listed = new Set(repository.releaseVersions())
  for (const version of versions) {
    if (!listed.has(version)) continue
    const { modules } = await repository.release(version, options)
    for (const [module, { manifest }] of Object.entries(modules)) {
      const found = named.get(manifest.digest)
      if (found === undefined) named.set(manifest.digest, { module, versions: [version] })
      else found.versions.push(version)
    }
  }
  return named
}

type Named = ReadonlyMap<Digest, NamedManifest>
