import { streamNames } from '../delta/delta-streams.ts'
import { decompressFrame } from './decompress-frame.ts'
import { PackError } from './errors.ts'
import { groupLength, type PackGroup } from './pack-header.ts'

/** The plain streams of a group, the index first. */
export class DecodedGroup implements Disposable {
  readonly streams: readonly Uint8Array[]
  /** What was made for this group alone. */
  readonly #owned: Buffer[] = []

  /** Of the group's bytes as they are stored, which stay as they are until it is disposed of. Throws a PackError. */
  constructor(group: PackGroup, stored: Uint8Array) {
    if (stored.length !== groupLength(group))
      throw new PackError('PACK_CORRUPT', 'the pack ends inside a group')
    let at = 0
    this.streams = group.streams.map((size, index) => {
      const frame = stored.subarray(at, at + size.stored)
      at += size.stored
      if (size.stored === size.plain) return index === 0 ? frame.slice() : frame
      const name = index === 0 ? 'index' : `stream of ${streamNames[index - 1]}`
      const plain = decompressFrame(frame, size.plain, name)
      if (index > 0 && size.plain > Buffer.poolSize) this.#owned.push(plain)
      return plain
    })
  }

  /**
   * Gives the memory back at once: left to the collector, that of several groups adds up. The index stays, as contents
   * that go on in the next group hold parts of it.
   */
  [Symbol.dispose](): void {
    for (const { buffer } of this.#owned) if (buffer instanceof ArrayBuffer) buffer.transfer(0)
  }
}
