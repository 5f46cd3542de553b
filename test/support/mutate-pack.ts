import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { viewBytes } from '../../src/delta/content-view.ts'
import { encodePackHeader, packHeaderLength, preambleBytes } from '../../src/pack/pack-header.ts'
import type { PackGroup, PackHeader } from '../../src/pack/pack-header.ts'
import { PackReader } from '../../src/pack/pack-reader.ts'
import { mutateBytes, mutateNumber } from './mutate-bytes.ts'
import type { Random } from './random.ts'
import type { SamplePack } from './sample-packs.ts'

/** A pack taken apart, so that what is changed in it gets past zstd. */
export interface OpenPack extends SamplePack {
  readonly header: PackHeader
  readonly plainHeader: Uint8Array
  readonly groups: readonly OpenGroup[]
}

interface OpenGroup {
  readonly group: PackGroup
  /** As in the pack. */
  readonly stored: Uint8Array
  readonly plain: readonly Uint8Array[]
}

export function openPack(sample: SamplePack): OpenPack {
  const { pack } = sample
  const reader = new PackReader(viewBytes(pack))
  const plainHeader = zstdDecompressSync(pack.subarray(preambleBytes, packHeaderLength(pack)))
  const groups = reader.header.groups.map((group, index): OpenGroup => {
    const { start, end } = reader.span(index)
    let at = start
    const plain = group.streams.map((size) => {
      const frame = pack.subarray(at, at + size.stored)
      at += size.stored
      return size.stored === size.plain ? frame : zstdDecompressSync(frame)
    })
    return { group, stored: pack.subarray(start, end), plain }
  })
  return { ...sample, header: reader.header, plainHeader, groups }
}

/** A pack as nobody meant it. */
export function mutatePack(pack: OpenPack, other: OpenPack, random: Random): Uint8Array {
  switch (random.below(10)) {
    case 0:
      return mutateBytes(pack.pack, random, other.pack)
    case 1:
      return withHeader(pack, mutateHeader(pack.plainHeader, random), random)
    case 2:
      return assemble(pack, shuffleGroups(pack, other, random))
    default:
      return assemble(pack, mutateGroups(pack, other, random))
  }
}

function mutateHeader(plain: Uint8Array, random: Random): Uint8Array {
  // Behind the kind and two digests all is numbers.
  const fixed = 65
  if (random.chance(4)) return mutateBytes(plain, random)
  return Buffer.concat([plain.subarray(0, fixed), mutateNumber(plain.subarray(fixed), random)])
}

function withHeader({ pack }: OpenPack, plain: Uint8Array, random: Random): Uint8Array {
  const stored = zstdCompressSync(plain)
  const preamble = Buffer.from(pack.subarray(0, preambleBytes))
  preamble.writeUInt32LE(stored.length, 12)
  preamble.writeUInt32LE(random.chance(20) ? random.below(2 ** 32) : plain.length, 16)
  return Buffer.concat([preamble, stored, pack.subarray(packHeaderLength(pack))])
}

function shuffleGroups({ groups }: OpenPack, other: OpenPack, random: Random): OpenGroup[] {
  const all = [...groups, ...groups, ...other.groups]
  return random.shuffle(all).slice(0, random.below(all.length))
}

function mutateGroups({ groups }: OpenPack, other: OpenPack, random: Random): OpenGroup[] {
  const changed = random.below(groups.length)
  return groups.map((group, index) => (index === changed ? mutateGroup(group, other, random) : group))
}

function mutateGroup({ group, plain }: OpenGroup, other: OpenPack, random: Random): OpenGroup {
  const streams = [...plain]
  for (let times = random.between(1, 3); times > 0; times--) {
    // The index and what the copies are made of say more than the rest.
    const which = random.chance(3) ? random.below(streams.length) : random.below(5)
    const bytes = streams[which] as Uint8Array
    const donor = random.pick(other.groups).plain[which] as Uint8Array
    streams[which] = random.chance(2) ? mutateNumber(bytes, random) : mutateBytes(bytes, random, donor)
  }
  const targetBytes = random.chance(8)
    ? random.pick([0, 1, group.targetBytes + 1, group.targetBytes * 1000, 2 ** 53 - 1])
    : group.targetBytes
  return storePlain({ ...group, targetBytes }, streams)
}

/** As they are, without zstd. */
function storePlain(group: PackGroup, plain: readonly Uint8Array[]): OpenGroup {
  const streams = plain.map(({ length }) => ({ plain: length, stored: length }))
  return { group: { ...group, streams }, stored: Buffer.concat(plain), plain }
}

function assemble({ header }: OpenPack, groups: readonly OpenGroup[]): Uint8Array {
  const described = { ...header, groups: groups.map(({ group }) => group) }
  return Buffer.concat([encodePackHeader(described), ...groups.map(({ stored }) => stored)])
}
