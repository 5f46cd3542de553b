import { closeSync, readSync } from 'node:fs'
import { digestOf, type Digest } from '../../../manifests/digest.ts'
import type { ChunkRef } from '../../../manifests/manifest.ts'
import type { ContentBasis } from '../basis-root.ts'
import { FileList } from '../file-list.ts'
import { FileView } from '../file-view.ts'
import { ModuleContents } from '../module-contents.ts'
import { StreamOrder } from '../stream-order.ts'
import type { ImageModule } from './image-module.ts'
import { openIfThere } from './image-place.ts'

/** An image that lies on the machine, as a source of content for the next one. Nobody has verified it. */
export class ImageBasis implements ContentBasis, Disposable {
  readonly #image: ImageModule
  readonly #fd: number | undefined
  readonly #starts = new Map<Digest, number>()
  readonly #contents: ModuleContents

  constructor(image: ImageModule, path: string) {
    const { tree, item, entry } = image
    this.#image = image
    this.#fd = openIfThere({ module: image.name, path })
    const files = new FileList(tree)
    files.add(item, entry)
    this.#contents = new ModuleContents(files, new StreamOrder(files), 0)
    let start = 0
    for (const { digest, size } of tree.chunkTable(0)) {
      this.#starts.set(digest, start)
      start += size
    }
  }

  hasChunk(digest: Digest): boolean {
    return this.#fd !== undefined && this.#starts.has(digest)
  }

  contentsOf(name: string): ModuleContents | undefined {
    return name === this.#image.name && this.#fd !== undefined ? this.#contents : undefined
  }

  open(digest: Digest): FileView | undefined {
    const { entry } = this.#image
    if (digest !== entry.digest || this.#fd === undefined) return undefined
    return FileView.borrowed(this.#fd, entry, this.#image.name)
  }

  chunk({ digest, size }: ChunkRef): Buffer | undefined {
    const start = this.#starts.get(digest)
    if (start === undefined || this.#fd === undefined) return undefined
    const plain = readPart(this.#fd, start, size)
    return plain !== undefined && digestOf(plain) === digest ? plain : undefined
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }
}

/** Undefined when it cannot be read, or ends before. */
export function readPart(fd: number, start: number, bytes: number): Buffer | undefined {
  const part = Buffer.allocUnsafe(bytes)
  try {
    for (let done = 0; done < bytes;) {
      const count = readSync(fd, part, done, bytes - done, start + done)
      if (count === 0) return undefined
      done += count
    }
    return part
  } catch {
    return undefined
  }
}
