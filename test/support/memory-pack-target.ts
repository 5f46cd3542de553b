import type { ContentView } from '../../src/delta/content-view.ts'
import { PackError } from '../../src/pack/errors.ts'
import type { PackContent } from '../../src/pack/pack-index.ts'
import type { ContentSink, PackTarget } from '../../src/pack/pack-reader.ts'

type What = PackContent['what']

/** What both manifests say of contents, in the order of their streams. */
export interface PackWorld {
  /** By position: what there is to make. */
  readonly to: ReadonlyMap<number, Uint8Array>
  /** By position: what it may be made from. */
  readonly from: ReadonlyMap<number, Uint8Array>
  readonly newManifest: Uint8Array
  readonly oldManifest: Uint8Array | undefined
}

/** Contents one after another from position 0 on, as in a content stream. */
export function inStream(contents: readonly Uint8Array[]): Map<number, Uint8Array> {
  const positions = new Map<number, Uint8Array>()
  let at = 0
  for (const content of contents) {
    positions.set(at, content)
    at += content.length
  }
  return positions
}

/** A pack did what none may do, whatever is in it. */
export class TrespassError extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'TrespassError'
  }
}

/** Takes contents in memory, and watches what the reader does to it. */
export class MemoryPackTarget implements PackTarget {
  readonly made = new Map<string, Uint8Array>()
  readonly abandoned: string[] = []
  /** Whose references were predicted, in their order. */
  readonly predicted: string[] = []
  bytesWritten = 0
  bytesRead = 0
  reads = 0
  readonly #world: PackWorld
  readonly #hasBasis: (position: number) => boolean

  constructor(world: PackWorld, hasBasis: (position: number) => boolean = () => true) {
    this.#world = world
    this.#hasBasis = hasBasis
  }

  content(what: What, position: number): number {
    return this.#wanted(what, position).length
  }

  basis(what: What, position: number): number {
    return this.#basisOf(what, position).length
  }

  openBasis(what: What, position: number): ContentView | undefined {
    if (!this.#hasBasis(position)) return undefined
    const bytes = this.#basisOf(what, position)
    return { length: bytes.length, readAt: (offset, length) => this.#read(bytes, offset, length) }
  }

  begin(content: PackContent): ContentSink {
    const size = this.content(content.what, content.position)
    const name = `${content.what} ${content.position}`
    if (content.predicted) this.predicted.push(name)
    const pieces: Uint8Array[] = []
    let length = 0
    return {
      write: (bytes) => {
        length += bytes.length
        this.bytesWritten += bytes.length
        if (length > size) throw new TrespassError(`${length} bytes were written of a content of ${size}`)
        pieces.push(Uint8Array.from(bytes))
      },
      end: () => {
        if (length !== size) throw new TrespassError(`a content of ${size} bytes ended after ${length}`)
        this.made.set(name, Buffer.concat(pieces))
      },
      abandon: () => {
        if (length > 0) throw new TrespassError(`${length} bytes were written of a content without basis`)
        this.abandoned.push(name)
      },
    }
  }

  #read(bytes: Uint8Array, offset: number, length: number): Uint8Array {
    if (!Number.isSafeInteger(offset) || offset < 0 || !(length >= 0)) {
      throw new TrespassError(`${length} bytes were read at ${offset}`)
    }
    const part = bytes.subarray(offset, offset + length)
    this.bytesRead += part.length
    this.reads++
    return part
  }

  #wanted(what: What, position: number): Uint8Array {
    const { to, newManifest } = this.#world
    const bytes = what === 'content' ? to.get(position) : position === 0 ? newManifest : undefined
    return bytes ?? refuse(what, position)
  }

  #basisOf(what: What, position: number): Uint8Array {
    const { from, oldManifest } = this.#world
    const bytes = what === 'content' ? from.get(position) : position === 0 ? oldManifest : undefined
    return bytes ?? refuse(what, position)
  }
}

function refuse(what: What, position: number): never {
  throw new PackError('PACK_CORRUPT', `there is no ${what} at ${position}`)
}
