import type { ReadAt } from './elf.ts'
import { form } from './reference-list.ts'
import type { Form } from './reference-list.ts'
import type { Region } from './region.ts'

/** A section larger than this is not looked into: the reader must hold it. */
const maxSectionBytes = 32 << 20

/** The references of a table that had to be read from its start: ascending offsets. */
export interface ParsedTable {
  readonly offsets: Float64Array
  readonly forms: Uint8Array
  readonly extras: Float64Array
}

/**
 * The references of an `.eh_frame` section (LSB 5.0, "The .eh_frame section"): in each frame the way back to its CIE,
 * which code it describes and how much, and where that code's exception table lies. Pointers are taken to be four
 * bytes counted from themselves, which is what every compiler for Linux writes.
 */
export function readEhFrame(region: Region, readAt: ReadAt): ParsedTable {
  const found = new FrameReferences()
  if (region.length <= maxSectionBytes) {
    const bytes = readAt(region.offset, region.length)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const toAddress = region.address ?? 0
    let at = 0
    while (at + 20 <= bytes.length) {
      const length = view.getUint32(at, true)
      if (length < 4 || length > bytes.length - at - 4) break
      const isFrame = view.getUint32(at + 4, true) !== 0
      if (isFrame && length >= 16) found.addFrame(view, at, toAddress, region.offset)
      at += 4 + length
    }
  }
  return found.table()
}

class FrameReferences {
  readonly #offsets: number[] = []
  readonly #forms: number[] = []
  readonly #extras: number[] = []

  addFrame(view: DataView, at: number, toAddress: number, toOffset: number): void {
    const code = at + 8 + toAddress + view.getInt32(at + 8, true)
    this.#add(toOffset + at + 4, form.backFromField, 0)
    this.#add(toOffset + at + 8, form.fromField, 0)
    this.#add(toOffset + at + 12, form.extent, code)
    const augmentationBytes = view.getUint8(at + 16)
    if (augmentationBytes === 4 && view.getUint32(at, true) >= 17)
      this.#add(toOffset + at + 17, form.fromField, 0)
  }

  table(): ParsedTable {
    return {
      offsets: Float64Array.from(this.#offsets),
      forms: Uint8Array.from(this.#forms),
      extras: Float64Array.from(this.#extras),
    }
  }

  #add(offset: number, kind: Form, extra: number): void {
    this.#offsets.push(offset)
    this.#forms.push(kind)
    this.#extras.push(extra)
  }
}
