import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Digest } from '../../manifests/digest.ts'
import { PackError } from '../pack/errors.ts'
import { packMemory, type PackHeader } from '../pack/pack-header.ts'
import type { PackPath } from './pack-path.ts'

export interface WantedPack {
  readonly path: PackPath
  readonly from: Digest | undefined
  readonly to: Digest
  /** A longer pack is worth nothing. */
  readonly maxBytes: number
}

/** A pack as it begins. */
export interface BegunPack {
  readonly header: PackHeader
  /** Of the whole pack, in bytes. */
  readonly length: number
  /** Bytes of it that are on the disk. */
  readonly received: number
}

/** What applying a pack may take in memory, beside the client itself. */
const maxMemoryBytes = 96 << 20
/** What has to be left on the disk. */
const spareBytes = 16 << 20

/** Throws PACK_CORRUPT for another pack than the wanted one, and PACK_TOO_LARGE for what this machine cannot take. */
export function refusePack(pack: BegunPack, wanted: WantedPack): void {
  refuseOtherPack(pack.header, wanted)
  refuseLargePack(pack, wanted)
}

function refuseOtherPack(header: PackHeader, { from, to }: WantedPack): void {
  if (header.kind !== 'manifests' || header.from !== from || header.to !== to) {
    throw new PackError('PACK_CORRUPT', 'the pack is another one than its name says')
  }
  if (header.groups.length === 0) throw new PackError('PACK_CORRUPT', 'the pack is empty')
}

function refuseLargePack({ header, length, received }: BegunPack, { path, maxBytes }: WantedPack): void {
  if (length > maxBytes) {
    throw new PackError(
      'PACK_TOO_LARGE',
      `the pack has ${length} bytes, more than the ${maxBytes} it may have`,
    )
  }
  if (packMemory(header) > maxMemoryBytes) {
    throw new PackError('PACK_TOO_LARGE', `the pack takes ${packMemory(header)} bytes of memory`)
  }
  const { bavail, bsize } = statfsSync(dirname(path.part))
  if (bavail * bsize < length - received + spareBytes) {
    throw new PackError('PACK_TOO_LARGE', `there is no room for the pack's ${length} bytes on this disk`)
  }
}
