import { digestOf } from '../../manifests/digest.ts'
import { joinViews, viewBytes, type ContentView } from '../../src/delta/content-view.ts'
import { DeltaContext } from '../../src/delta/delta-context.ts'
import { encodeDelta, encodeWhole, type Delta } from '../../src/delta/encode-delta.ts'
import { encodePackHeader, type PackHeader } from '../../src/pack/pack-header.ts'
import type { PackContent } from '../../src/pack/pack-index.ts'
import { GroupWriter, type StoredGroup } from '../../src/pack/pack-writer.ts'
import { inflatedForm } from '../../src/recompression/inflated-form.ts'
import { unpack } from '../../src/recompression/unpack.ts'
import type { PackWorld } from './memory-pack-target.ts'

/** One content to be put into a pack, from the contents at these positions. */
export interface PackItem {
  readonly what: PackContent['what']
  readonly position: number
  readonly bases: readonly number[]
  /** It is expressed by what is compressed in it, and so is its basis. */
  readonly isRepacked?: boolean
}

export interface MemoryPackOptions {
  /** About so many bytes of streams are a part. */
  readonly partBytes: number
  /** Whether a group ends before the next part. */
  readonly isGroupFull: () => boolean
}

const plainLimit = 1 << 20

/** A pack of these contents, made in this process. */
export function makeMemoryPack(
  world: PackWorld,
  items: readonly PackItem[],
  { partBytes, isGroupFull }: MemoryPackOptions,
): Buffer {
  const groups: StoredGroup[] = []
  const context = new DeltaContext()
  let group = new GroupWriter(true)
  for (const item of items) {
    const { isRepacked = false, what, position } = item
    const packed = targetOf(world, item)
    const unpacked = isRepacked ? unpack(packed) : undefined
    const target = unpacked?.plain ?? packed
    const bases = item.bases.map((one) => basisOf(world, item, one))
    const delta: Delta =
      bases.length === 0
        ? encodeWhole(viewBytes(target), partBytes)
        : encodeDelta(viewBytes(target), joinBases(bases, isRepacked), partBytes, context)
    let content: PackContent | undefined = {
      what,
      position,
      bases: item.bases.map((one) => ({ position: one, unpacked: isRepacked })),
      repack: unpacked && { plainBytes: target.length, recipe: unpacked.recipe },
      ...delta.head,
    }
    for (const { targetBytes, streams } of delta.parts) {
      if (!group.isEmpty && isGroupFull()) {
        groups.push(group.finish())
        group = new GroupWriter(false)
      }
      group.add({ content, targetBytes }, streams, packed.length, bases[0]?.length ?? 0)
      content = undefined
    }
  }
  if (!group.isEmpty) groups.push(group.finish())
  return joinPack(world, groups)
}

export function joinPack(world: PackWorld, groups: readonly StoredGroup[]): Buffer {
  const header: PackHeader = {
    kind: 'manifests',
    from: world.oldManifest && digestOf(world.oldManifest),
    to: digestOf(world.newManifest),
    groups: groups.map(({ group }) => group),
  }
  return Buffer.concat([encodePackHeader(header), ...groups.map(({ bytes }) => bytes)])
}

function joinBases(bases: readonly Uint8Array[], isUnpacked: boolean): ContentView {
  return joinViews(
    bases.map((basis) => viewBytes((isUnpacked ? inflatedForm(basis, plainLimit) : undefined) ?? basis)),
  )
}

function targetOf({ to, newManifest }: PackWorld, { what, position }: PackItem): Uint8Array {
  return what === 'manifest' ? newManifest : (to.get(position) as Uint8Array)
}

function basisOf({ from, oldManifest }: PackWorld, { what }: PackItem, position: number): Uint8Array {
  return (what === 'manifest' ? oldManifest : from.get(position)) as Uint8Array
}
