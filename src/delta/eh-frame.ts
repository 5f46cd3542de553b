import type { ReadAt } from './elf.ts'
import { firstAtLeast } from './first-at-least.ts'
import { form, ReferenceList } from './reference-list.ts'
import type { Form } from './reference-list.ts'
import type { Region } from './region.ts'

/** A section larger than this is not looked into: the reader must hold where its frames are. */
const maxSectionBytes = 32 << 20
const windowBytes = 64 * 1024
/** What a frame needs to have: its length, the way to its CIE, and its code. */
const minFrameBytes = 20
const minFrameLength = 16
/** Of a frame: where its references are, and what must be known to see which. */
const field = { cie: 4, code: 8, codeLength: 12, augmentation: 16, exceptions: 17 } as const
const headerBytes = field.exceptions
/** Behind the start of a frame, its last reference ends here. */
const referencesEnd = field.exceptions + 4

/**
 * The references of an `.eh_frame` section (LSB 5.0, "The .eh_frame section"): in each frame the way back to its CIE,
 * which code it describes and how much, and where that code's exception table lies. Pointers are taken to be four
 * bytes counted from themselves, which is what every compiler for Linux writes.
 */
export class FrameTable {
  readonly #region: Region
  readonly #readAt: ReadAt
  /** Where frames start, from the start of the section; ascending. */
  readonly #starts: Uint32Array
  readonly #cut = new ReferenceList()

  constructor(region: Region, readAt: ReadAt) {
    this.#region = region
    this.#readAt = readAt
    this.#starts = region.length <= maxSectionBytes ? findFrames(region, readAt) : new Uint32Array()
  }

  /** Adds to `found` what lies wholly in `bytes` from `from` to `to`; `bytes[from]` is at `offset` of the file. */
  collect(bytes: Uint8Array, from: number, to: number, offset: number, found: ReferenceList): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const start = offset - this.#region.offset
    const end = start + to - from
    const first = firstAtLeast(this.#starts, start - referencesEnd + 1)
    for (let index = first; index < this.#starts.length; index++) {
      const frame = this.#starts[index] as number
      if (frame >= end) return
      const isWhole = frame >= start && frame + referencesEnd <= end
      if (isWhole) this.#addFrame(view, from + frame - start, frame, found)
      else this.#addCut(frame, offset, offset + to - from, found)
    }
  }

  /** What lies between two offsets of the file, of a frame that does not. */
  #addCut(frame: number, from: number, to: number, found: ReferenceList): void {
    const header = this.#readAt(this.#region.offset + frame, headerBytes)
    if (header.length < headerBytes) return
    const all = this.#cut
    all.clear()
    this.#addFrame(new DataView(header.buffer, header.byteOffset, header.byteLength), 0, frame, all)
    for (let index = 0; index < all.count; index++) {
      const at = all.offsets[index] as number
      if (at >= from && at + 4 <= to) found.add(at, all.forms[index] as Form, all.extras[index] as number)
    }
  }

  /** `view` holds the header of the frame at `at`. */
  #addFrame(view: DataView, at: number, frame: number, found: ReferenceList): void {
    const start = this.#region.offset + frame
    const code = (this.#region.address ?? 0) + frame + field.code + view.getInt32(at + field.code, true)
    found.add(start + field.cie, form.backFromField, 0)
    found.add(start + field.code, form.fromField, 0)
    found.add(start + field.codeLength, form.extent, code)
    const augmentationBytes = view.getUint8(at + field.augmentation)
    if (augmentationBytes === 4 && view.getUint32(at, true) >= field.exceptions)
      found.add(start + field.exceptions, form.fromField, 0)
  }
}

/** Walks from record to record, by their lengths. */
function findFrames(region: Region, readAt: ReadAt): Uint32Array {
  const starts = new Uint32Array(Math.ceil(region.length / minFrameBytes))
  let count = 0
  let window: DataView = new DataView(new ArrayBuffer(0))
  let windowStart = 0
  for (let at = 0; at + minFrameBytes <= region.length;) {
    if (at + 8 > windowStart + window.byteLength) {
      const bytes = readAt(region.offset + at, Math.min(windowBytes, region.length - at))
      if (bytes.length < 8) break
      window = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      windowStart = at
    }
    const length = window.getUint32(at - windowStart, true)
    if (length < 4 || length > region.length - at - 4) break
    const isFrame = window.getUint32(at - windowStart + 4, true) !== 0
    if (isFrame && length >= minFrameLength) starts[count++] = at
    at += 4 + length
  }
  return starts.subarray(0, count)
}
