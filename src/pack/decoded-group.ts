import { streamNames } from '../delta/delta-streams.ts'
import { decompressFrame } from './decompress-frame.ts'
import { PackError } from './errors.ts'
import { groupLength, type PackGroup } from './pack-header.ts'

/** The plain streams of a group, the index first, from its bytes as they are stored. Throws a PackError. */
export function decodeGroup(group: PackGroup, stored: Uint8Array): Uint8Array[] {
  if (stored.length !== groupLength(group))
    throw new PackError('PACK_CORRUPT', 'the pack ends inside a group')
  let at = 0
  return group.streams.map((size, index) => {
    const frame = stored.subarray(at, at + size.stored)
    at += size.stored
    if (size.stored === size.plain) return frame
    return decompressFrame(frame, size.plain, index === 0 ? 'index' : `stream of ${streamNames[index - 1]}`)
  })
}
