import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { DigestBuilder, type Digest } from '../../manifests/digest.ts'
import type { FileEntry } from '../../manifests/entry.ts'
import type { ContentSink } from '../pack/pack-reader.ts'
import { DigestMap } from '../digest-map.ts'
import { FileView } from './file-view.ts'
import { GatheredWrites } from './gathered-writes.ts'
import type { LocalContents, OpenContent } from './local-contents.ts'

/**
 * Contents of a release that the machine only passes: in one file with no name, each where its content stream has it,
 * so that a crash leaves nothing.
 */
export class MadeContents implements LocalContents, Disposable {
  readonly #fd: number
  readonly #places = new DigestMap()
  readonly #sizes = new Map<number, number>()
  readonly #gathered = new GatheredWrites()

  /** `path` is used for a moment. */
  constructor(path: string) {
    this.#fd = openSync(path, 'w+', 0o600)
    rmSync(path)
  }

  open(digest: Digest): OpenContent | undefined {
    const place = this.#places.get(digest)
    if (place === undefined) return undefined
    return FileView.borrowedPart(this.#fd, place, this.#sizes.get(place) ?? 0)
  }

  /** Takes a content; it is there if its digest is right. */
  sinkFor({ offset, size, digest }: FileEntry, onWritten: (bytes: number) => void): ContentSink & Disposable {
    const builder = new DigestBuilder()
    const write = (piece: Uint8Array): void => {
      if (builder.bytes + piece.length > size) return
      for (let done = 0; done < piece.length;) {
        done += writeSync(this.#fd, piece, done, piece.length - done, offset + builder.bytes + done)
      }
      builder.add(piece)
      onWritten(piece.length)
    }
    const clear = (): void => this.#gathered.clear()
    return {
      write: (bytes) => this.#gathered.add(bytes, write),
      end: () => {
        this.#gathered.flush(write)
        if (builder.finish() !== digest) return
        this.#places.add(digest, offset)
        this.#sizes.set(offset, size)
      },
      abandon: clear,
      [Symbol.dispose]: clear,
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}
