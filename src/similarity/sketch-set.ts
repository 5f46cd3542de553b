import { digestToBytes, type Digest } from '../../manifests/digest.ts'
import { featuresOf, minFeatures, minSketchedBytes, type Sketch } from './sketch.ts'
import { SketchSetError } from './errors.ts'

/** One of a manifest's distinct contents of at least `minSketchedBytes`. */
export interface SketchedContent {
  /** Of the first entry with this content, counted from 0. */
  readonly ordinal: number
  /** Bytes of content. */
  readonly size: number
  /** The first 8 bytes of its digest. */
  readonly digestStart: Uint8Array
  /** Undefined for a content that is too plain to have one. */
  readonly sketch: Sketch | undefined
}

/**
 * The sketches of one manifest's contents, as they are kept beside it. Derived, and never trusted: who has none, or
 * a wrong one, finds a worse basis, and nothing else.
 *
 *     "vendsk1\n"
 *     for each content, ascending by ordinal:
 *       8 bytes   start of the content's digest
 *       1 byte    number of features: 0, or 4 and up
 *       4 bytes   each feature, little-endian, ascending
 *       varint    ordinal, less that of the content before (of the first: itself)
 *       varint    size
 *     4 bytes   number of contents, little-endian
 */
const magic = Buffer.from('vendsk1\n')
const digestStartBytes = 8
const countBytes = 4
const maxRowBytes = digestStartBytes + 1 + 4 * featuresOf(Infinity) + 5 + 8
const maxOrdinal = 2 ** 32 - 1

/** What the encoding of a manifest's sketches has at most, in bytes. */
export function maxSketchSetBytes(manifest: {
  readonly entries: number
  readonly contentBytes: number
}): number {
  // Larger contents may have more features: from 16 KiB on, a further 16, of 4 bytes.
  const row = digestStartBytes + 1 + 4 * featuresOf(0) + 5 + 8
  return magic.length + manifest.entries * row + Math.ceil(manifest.contentBytes / 256) + countBytes
}

/** In pieces. Contents must come ascending by ordinal. */
export function* encodeSketchSet(
  contents: Iterable<SketchedContent>,
): Generator<Uint8Array, void, undefined> {
  yield magic
  let buffer = Buffer.allocUnsafe(pieceBytes)
  let used = 0
  let count = 0
  let before = 0
  for (const content of contents) {
    if (used + maxRowBytes > buffer.length) {
      yield buffer.subarray(0, used)
      buffer = Buffer.allocUnsafe(pieceBytes)
      used = 0
    }
    used = writeRow(buffer, used, content, content.ordinal - before)
    before = content.ordinal
    count++
  }
  used = buffer.writeUInt32LE(count, used)
  yield buffer.subarray(0, used)
}

const pieceBytes = 1 << 16

function writeRow(
  buffer: Buffer,
  start: number,
  { digestStart, sketch, size }: SketchedContent,
  step: number,
): number {
  buffer.set(digestStart.subarray(0, digestStartBytes), start)
  let at = buffer.writeUInt8(sketch?.length ?? 0, start + digestStartBytes)
  for (const feature of sketch ?? []) at = buffer.writeUInt32LE(feature, at)
  return writeVarint(buffer, writeVarint(buffer, at, step), size)
}

function writeVarint(buffer: Buffer, start: number, value: number): number {
  let at = start
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) buffer[at++] = (rest % 0x80) | 0x80
  buffer[at++] = rest
  return at
}

/** Sketches by the digest of their content, and in the order of the manifest. Memory: the encoding, 8 to 16 bytes more a content. */
export class SketchSet implements Iterable<SketchedContent> {
  readonly #plain: Buffer
  readonly #end: number
  readonly size: number
  /** Where a row begins, at the place that the start of its digest says or the next free one; 0 is free. */
  readonly #rows: Uint32Array

  /** Takes the bytes of `encodeSketchSet`, and keeps them. Throws SketchSetError. */
  constructor(plain: Uint8Array) {
    this.#plain = Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength)
    this.#end = plain.length - countBytes
    if (this.#end < magic.length || !this.#plain.subarray(0, magic.length).equals(magic)) {
      throw new SketchSetError('does not begin as one')
    }
    this.size = this.#plain.readUInt32LE(this.#end)
    if (this.size * (digestStartBytes + 1 + 2) > this.#end) throw new SketchSetError('is cut off')
    this.#rows = new Uint32Array(2 ** Math.ceil(Math.log2(2 * this.size + 1)))
    let count = 0
    for (const row of this.#readRows()) {
      if (++count > this.size) break
      this.#index(row)
    }
    if (count !== this.size) throw new SketchSetError(`does not have the ${this.size} contents that it says`)
  }

  *[Symbol.iterator](): Generator<SketchedContent, void, undefined> {
    for (const row of this.#readRows()) {
      const { ordinal, size } = row
      yield { ordinal, size, digestStart: this.#digestStart(row.start), sketch: this.#sketch(row.start) }
    }
  }

  has(digest: Digest): boolean {
    return this.#find(digest) !== undefined
  }

  /** Undefined when there is no such content, and when it is too plain to have a sketch. */
  sketchOf(digest: Digest): Sketch | undefined {
    const start = this.#find(digest)
    return start === undefined ? undefined : this.#sketch(start)
  }

  #find(digest: Digest): number | undefined {
    const bytes = digestToBytes(digest).subarray(0, digestStartBytes)
    const start = this.#rows[this.#placeOf(bytes)] ?? 0
    return start === 0 ? undefined : start
  }

  #index({ start }: Row): void {
    this.#rows[this.#placeOf(this.#digestStart(start))] ||= start
  }

  #placeOf(digestStart: Uint8Array): number {
    const mask = this.#rows.length - 1
    let place = Buffer.from(digestStart.buffer, digestStart.byteOffset, 4).readUInt32LE(0) & mask
    for (;;) {
      const start = this.#rows[place] ?? 0
      if (start === 0 || this.#digestStart(start).equals(digestStart)) return place
      place = (place + 1) & mask
    }
  }

  #digestStart(row: number): Buffer {
    return this.#plain.subarray(row, row + digestStartBytes)
  }

  #sketch(row: number): Sketch | undefined {
    const count = this.#plain[row + digestStartBytes] ?? 0
    if (count === 0) return undefined
    const first = row + digestStartBytes + 1
    return Uint32Array.from({ length: count }, (_, i) => this.#plain.readUInt32LE(first + 4 * i)) as Sketch
  }

  *#readRows(): Generator<Row, void, undefined> {
    let start = magic.length
    let ordinal = -1
    while (start < this.#end) {
      const features = this.#plain[start + digestStartBytes] ?? 0
      const step = this.#varint(start + digestStartBytes + 1 + 4 * features)
      const size = this.#varint(step.end)
      const isFirst = ordinal === -1
      ordinal = isFirst ? step.value : ordinal + step.value
      if ((!isFirst && step.value === 0) || ordinal > maxOrdinal) throw new SketchSetError('is not in order')
      if (size.value < minSketchedBytes) throw new SketchSetError('has a content too small for a sketch')
      this.#checkFeatures(start + digestStartBytes + 1, features, size.value)
      yield { start, ordinal, size: size.value }
      start = size.end
    }
  }

  #checkFeatures(first: number, count: number, size: number): void {
    if (count === 0) return
    if (count < minFeatures || count > featuresOf(size)) {
      throw new SketchSetError(`has a sketch of ${count} features of ${size} bytes`)
    }
    for (let i = 1; i < count; i++) {
      const at = first + 4 * i
      if (this.#plain.readUInt32LE(at - 4) >= this.#plain.readUInt32LE(at)) {
        throw new SketchSetError('has a sketch whose features do not ascend')
      }
    }
  }

  /** In the fewest bytes that hold it. */
  #varint(start: number): { readonly value: number; readonly end: number } {
    let value = 0
    let scale = 1
    for (let at = start; at < this.#end; at++) {
      const byte = this.#plain[at] ?? 0
      value += (byte & 0x7f) * scale
      scale *= 0x80
      if (value > Number.MAX_SAFE_INTEGER) break
      if (byte < 0x80) {
        if (byte === 0 && at > start) break
        return { value, end: at + 1 }
      }
    }
    throw new SketchSetError('has a number that is not one, or is cut off')
  }
}

interface Row {
  /** Where it begins in the encoding. */
  readonly start: number
  readonly ordinal: number
  readonly size: number
}
