import type { ByteReader, ByteWriter } from '../delta/byte-writer.ts'
import { PackError } from './errors.ts'

/** A content of the new manifest, or a basis of the old: where it starts in the content stream. */
export type ContentPosition = number

/** How to make one content, or the manifest itself. */
export interface PackContent {
  /** `manifest`: the new manifest's own bytes; its basis, if any, is the old manifest. */
  readonly what: 'manifest' | 'content'
  /** 0 for a manifest. */
  readonly position: ContentPosition
  readonly bases: readonly PackBasis[]
  /** Present where the content is made from its plain form. */
  readonly repack: Repack | undefined
  readonly copies: number
  readonly predicted: boolean
}

export interface PackBasis {
  readonly position: ContentPosition
  /** The basis is not the content but its plain form: what is compressed in it, or the columns of a manifest. */
  readonly unpacked: boolean
}

export interface Repack {
  readonly plainBytes: number
  readonly recipe: Uint8Array
}

/** One line of a group's index: `content` is absent where the content of the line before, or group before, goes on. */
export interface IndexLine {
  readonly content: PackContent | undefined
  readonly targetBytes: number
}

/** More bases than this no content has. */
const maxBases = 8

const kind = { continued: 0, content: 1, manifest: 2 } as const
const flag = { predicted: 1, repacked: 2 } as const

/** Positions are written as distances, which are mostly 0: from the end of the content before, whose size is given. */
export class IndexWriter {
  readonly #writer: ByteWriter
  #position = 0
  #basis = 0

  constructor(writer: ByteWriter) {
    this.#writer = writer
  }

  /** `size` of the content, and of its first basis: both sides know them from the manifests. */
  add(line: IndexLine, size: number, basisSize: number): void {
    const writer = this.#writer
    const { content } = line
    if (content === undefined) {
      writer.byte(kind.continued)
    } else {
      writer.byte(content.what === 'manifest' ? kind.manifest : kind.content)
      writer.byte(
        (content.predicted ? flag.predicted : 0) | (content.repack === undefined ? 0 : flag.repacked),
      )
      writer.signed(content.position - this.#position)
      this.#position = content.position + size
      writer.unsigned(content.bases.length)
      for (const [index, { position, unpacked }] of content.bases.entries()) {
        writer.signed((position - this.#basis) * 2 + (unpacked ? 1 : 0))
        this.#basis = index === 0 ? position + basisSize : position
      }
      if (content.repack !== undefined) {
        writer.unsigned(content.repack.plainBytes)
        writer.unsigned(content.repack.recipe.length)
        writer.bytes(content.repack.recipe)
      }
      writer.unsigned(content.copies)
    }
    writer.unsigned(line.targetBytes)
  }
}

/** Reads what an `IndexWriter` wrote. */
export class IndexReader {
  readonly #reader: ByteReader
  readonly #sizeOf: SizeOf
  #position = 0
  #basis = 0

  constructor(reader: ByteReader, sizeOf: SizeOf) {
    this.#reader = reader
    this.#sizeOf = sizeOf
  }

  /** Undefined at the end. Throws PackError and DeltaError. */
  next(): IndexLine | undefined {
    const reader = this.#reader
    if (reader.remaining === 0) return undefined
    const found = reader.byte()
    if (found > kind.manifest) throw unsupported()
    const content = found === kind.continued ? undefined : this.#readContent(found === kind.manifest)
    return { content, targetBytes: reader.unsigned() }
  }

  #readContent(isManifest: boolean): PackContent {
    const reader = this.#reader
    const flags = reader.byte()
    if (flags > (flag.predicted | flag.repacked)) throw unsupported()
    const position = this.#position + reader.signed()
    const what = isManifest ? 'manifest' : 'content'
    this.#position = position + this.#sizeOf.content(what, position)
    const bases: PackBasis[] = []
    const count = reader.unsigned()
    if (count > maxBases) throw new PackError('PACK_CORRUPT', `the pack has a content with ${count} bases`)
    for (let index = 0; index < count; index++) bases.push(this.#readBasis(what, index))
    const repack = (flags & flag.repacked) === 0 ? undefined : this.#readRepack()
    return {
      what,
      position,
      bases,
      repack,
      copies: reader.unsigned(),
      predicted: (flags & flag.predicted) !== 0,
    }
  }

  #readBasis(what: PackContent['what'], index: number): PackBasis {
    const folded = this.#reader.signed()
    const unpacked = folded % 2 !== 0
    const position = this.#basis + Math.floor(folded / 2)
    this.#basis = index === 0 ? position + this.#sizeOf.basis(what, position) : position
    return { position, unpacked }
  }

  #readRepack(): Repack {
    const plainBytes = this.#reader.unsigned()
    return { plainBytes, recipe: Uint8Array.from(this.#reader.take(this.#reader.unsigned())) }
  }
}

/** What a reader knows from the manifests, in bytes. Both throw a PackError for a position where no content starts. */
export interface SizeOf {
  content(what: PackContent['what'], position: ContentPosition): number
  basis(what: PackContent['what'], position: ContentPosition): number
}

function unsupported(): PackError {
  return new PackError('PACK_UNSUPPORTED', 'the pack has an index that this reader does not know')
}
