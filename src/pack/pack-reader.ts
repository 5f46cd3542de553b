import { ByteReader } from '../delta/byte-writer.ts'
import { joinViews, readInto, viewBytes, type ContentView } from '../delta/content-view.ts'
import { DeltaContext } from '../delta/delta-context.ts'
import { DeltaDecoder, type WriteTarget } from '../delta/decode-delta.ts'
import { readersOf, type StreamReaders } from '../delta/delta-streams.ts'
import { StepRoom } from '../delta/step-room.ts'
import { DeltaError } from '../delta/errors.ts'
import { DeflateEncoder } from '../recompression/deflate-encoder.ts'
import { inflatedForm } from '../recompression/inflated-form.ts'
import { DecodedGroup } from './decoded-group.ts'
import { PackError } from './errors.ts'
import { decodePackHeader, groupLength, packHeaderLength, packLength, preambleBytes } from './pack-header.ts'
import type { PackGroup, PackHeader } from './pack-header.ts'
import { toColumns } from './manifest-columns.ts'
import { maxRepackedBytes } from './pack-limits.ts'
import { Repacker } from './repacker.ts'
import { IndexReader } from './pack-index.ts'
import type { ContentPosition, PackBasis, PackContent, SizeOf } from './pack-index.ts'

/** What a pack is applied to. */
export interface PackTarget extends SizeOf {
  /**
   * A basis as it is on this machine, or undefined where it cannot be had: then the contents made of it are passed over,
   * and what is learned from them may be missing for later ones of the same kind, whose digests tell.
   */
  openBasis(what: PackContent['what'], position: ContentPosition): ContentView | undefined
  /** Takes a content. Undefined: it is not wanted. */
  begin(content: PackContent): ContentSink | undefined
}

export interface ContentSink {
  write: WriteTarget
  /** All of it was written. */
  end(): void
  /** It cannot be made on this machine. */
  abandon(): void
}

/** Reads a pack that lies wherever `file` says; holds one group of it at a time. */
export class PackReader {
  readonly header: PackHeader
  readonly #file: ContentView
  readonly #headerLength: number
  #stored = new Uint8Array(0)

  /** Throws a PackError. */
  constructor(file: ContentView) {
    this.#file = file
    const length = packHeaderLength(file.readAt(0, preambleBytes))
    this.header = decodePackHeader(file.readAt(0, length))
    this.#headerLength = length
  }

  /** What the pack declares: more bytes are not looked at. */
  get length(): number {
    return packLength(this.header, this.#headerLength)
  }

  /** Where a group starts and ends in the pack. */
  span(group: number): { readonly start: number; readonly end: number } {
    const start = this.#startOf(group)
    return { start, end: start + groupLength(this.header.groups[group] as PackGroup) }
  }

  /**
   * Applies groups `from` (included) to `to` (not included) and calls `onGroup` after each. Contents that go over the
   * end of a group are complete only when the next one was applied in the same call. Throws PackError, and what the
   * target throws; what was complete by then is right as far as its digest is.
   */
  apply(target: PackTarget, from: number, to: number, onGroup?: (group: number) => void): void {
    const maker = new ContentMaker(target)
    let start = this.#startOf(from)
    for (let group = from; group < to; group++) {
      const described = this.header.groups[group] as PackGroup
      using decoded = new DecodedGroup(described, this.#read(start, groupLength(described)))
      maker.applyGroup(described, decoded.streams)
      start += groupLength(described)
      onGroup?.(group)
    }
    maker.end()
  }

  /** Into the memory of what was read before. */
  #read(start: number, length: number): Uint8Array {
    if (this.#stored.length < length) this.#stored = new Uint8Array(length)
    const bytes = this.#stored.subarray(0, length)
    return bytes.subarray(0, readInto(this.#file, bytes, start))
  }

  #startOf(group: number): number {
    const before = this.header.groups.slice(0, group)
    return before.reduce((sum, one) => sum + groupLength(one), this.#headerLength)
  }
}

/** Makes contents, one at a time, out of the groups in their order. */
class ContentMaker {
  readonly #target: PackTarget
  #content: OpenContent | undefined
  /** Of the content before; below every position for the manifest, which comes first. */
  #position = -2
  #context = new DeltaContext()
  readonly #encoder = new DeflateEncoder()
  readonly #room = new StepRoom()

  constructor(target: PackTarget) {
    this.#target = target
  }

  applyGroup(group: PackGroup, streams: readonly Uint8Array[]): void {
    try {
      this.#apply(group, streams)
    } catch (cause) {
      if (!(cause instanceof DeltaError)) throw cause
      const code = cause.code === 'DELTA_TOO_LARGE' ? 'PACK_TOO_LARGE' : 'PACK_CORRUPT'
      throw new PackError(code, `a group of the pack: ${cause.message}`, { cause })
    }
  }

  end(): void {
    if (this.#content !== undefined) throw new PackError('PACK_CORRUPT', 'the pack ends inside a content')
  }

  /** Contents come in the order of the content stream: nothing is made twice. */
  #advance({ what, position }: PackContent): void {
    const place = what === 'manifest' ? -1 : position
    if (place <= this.#position) throw new PackError('PACK_CORRUPT', 'the pack has contents out of order')
    this.#position = place
  }

  #apply(group: PackGroup, streams: readonly Uint8Array[]): void {
    if (group.fresh) {
      // Nothing of what was learned in the middle of a content may be lost to its end.
      this.end()
      this.#context = new DeltaContext()
    }
    const index = new IndexReader(new ByteReader(streams[0] as Uint8Array, 'index'), this.#target)
    const readers = readersOf(streams.slice(1))
    let made = 0
    for (let line = index.next(); line !== undefined; line = index.next()) {
      if (line.content !== undefined) {
        this.end()
        this.#advance(line.content)
        this.#content = new OpenContent(line.content, this.#target, readers, {
          context: this.#context,
          encoder: this.#encoder,
          room: this.#room,
        })
      }
      if (this.#content === undefined) throw new PackError('PACK_CORRUPT', 'the pack goes on with no content')
      made += line.targetBytes
      if (made > group.targetBytes) throw wrongTotal(group, made)
      if (this.#content.addPart(line.targetBytes, readers)) this.#content = undefined
    }
    for (const reader of Object.values(readers) as ByteReader[]) reader.end()
    if (made !== group.targetBytes) throw wrongTotal(group, made)
  }
}

/** What contents use one after another. */
interface Tools {
  readonly context: DeltaContext
  readonly encoder: DeflateEncoder
  readonly room: StepRoom
}

class OpenContent {
  readonly #decoder: DeltaDecoder
  readonly #sink: ContentSink | undefined
  readonly #isPossible: boolean
  readonly #repacker: Repacker | undefined

  constructor(content: PackContent, target: PackTarget, streams: StreamReaders, tools: Tools) {
    const bases = content.bases.map((basis) => openBasis(content, basis, target))
    this.#isPossible = bases.every((basis) => basis.isThere)
    const sink = target.begin(content)
    this.#sink = sink
    const contentBytes = target.content(content.what, content.position)
    this.#repacker = content.repack && new Repacker(content.what, content.repack, contentBytes, tools.encoder)
    const size = content.repack?.plainBytes ?? contentBytes
    const basis = joinViews(bases.map(({ view }) => view))
    const { context, room } = tools
    this.#decoder = new DeltaDecoder(
      { length: size, head: content, basis, blind: !this.#isPossible, context, room },
      streams,
    )
  }

  /** True when the content is complete. */
  addPart(targetBytes: number, streams: StreamReaders): boolean {
    const sink = this.#isPossible ? this.#sink : undefined
    const receiver = sink && (this.#repacker ?? sink)
    this.#decoder.decodePart(targetBytes, streams, (bytes) => receiver?.write(bytes))
    if (!this.#decoder.isComplete) return false
    if (!this.#isPossible) this.#sink?.abandon()
    else if (sink !== undefined) {
      if (this.#repacker !== undefined) sink.write(this.#repacker.finish())
      sink.end()
    }
    return true
  }
}

function wrongTotal(group: PackGroup, made: number): PackError {
  return new PackError(
    'PACK_CORRUPT',
    `a group of the pack makes ${made} bytes, not the ${group.targetBytes} it declares`,
  )
}

interface OpenBasis {
  readonly isThere: boolean
  readonly view: ContentView
}

/** In place of a basis that is not there stand zeros, so that the streams are read to the same place. */
function openBasis(content: PackContent, basis: PackBasis, target: PackTarget): OpenBasis {
  const size = target.basis(content.what, basis.position)
  const view = target.openBasis(content.what, basis.position)
  if (basis.unpacked) return openUnpacked(content.what, view, size)
  if (view !== undefined && view.length === size) return { isThere: true, view }
  return { isThere: false, view: { length: size, readAt: (_, length) => new Uint8Array(length) } }
}

/** How long it is then only its bytes can tell. */
function openUnpacked(what: PackContent['what'], packed: ContentView | undefined, size: number): OpenBasis {
  if (size > maxRepackedBytes)
    throw new PackError('PACK_TOO_LARGE', `the pack unpacks a basis of ${size} bytes`)
  const bytes = packed?.length === size ? packed.readAt(0, size) : new Uint8Array()
  const plain = what === 'manifest' ? toColumns(bytes) : inflatedForm(bytes, maxRepackedBytes)
  if (plain !== undefined) return { isThere: true, view: viewBytes(plain) }
  const zeros = { length: maxRepackedBytes, readAt: (_: number, length: number) => new Uint8Array(length) }
  return { isThere: false, view: zeros }
}
