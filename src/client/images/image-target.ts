import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { digestOf, type Digest } from '../../../manifests/digest.ts'
import type { ChunkRef } from '../../../manifests/manifest.ts'
import { mapInOrder } from '../../map-in-order.ts'
import { treeWriteError } from '../../tree/errors.ts'
import { hashContent } from '../../tree/file-content.ts'
import { dropFromCache } from '../../tree/libc.ts'
import type { ChunkSource } from '../chunk-source.ts'
import type { ContentPlaces } from '../content-file.ts'
import { MachineError } from '../errors.ts'
import { syncDirectory } from '../write-durably.ts'
import { readPart } from './image-basis.ts'
import type { ImageModule } from './image-module.ts'
import { openForWriting, openIfThere, type ImagePlace } from './image-place.ts'

const concurrentChunks = 16

/** The place of an image, while the image is written there. */
export class ImageTarget implements ContentPlaces, Disposable {
  readonly tree: string
  readonly #image: ImageModule
  readonly #place: ImagePlace
  readonly #fd: number
  readonly #isDevice: boolean

  /** Throws IMAGE_PLACE_INVALID. */
  constructor(image: ImageModule, place: ImagePlace) {
    this.tree = place.path
    this.#image = image
    this.#place = place
    const { fd, isDevice } = openForWriting(place)
    this.#fd = fd
    this.#isDevice = isDevice
  }

  /** For whoever makes the whole image; what lies there gives way piece by piece. */
  createFile(): number {
    return openSync(`/proc/self/fd/${this.#fd}`, 'r+')
  }

  openFile(): number {
    return this.createFile()
  }

  cloneFile(): void {
    throw new TypeError('there is one image in a module')
  }

  /** The chunks that lie in their places already, from an earlier update or one that was interrupted. */
  chunksThere(): ReadonlySet<Digest> {
    const there = new Set<Digest>()
    for (const { chunk, start } of this.#chunks()) if (this.#has(chunk, start)) there.add(chunk.digest)
    return there
  }

  /** Writes the chunks that do not lie in their places. */
  async writeChunks(source: ChunkSource, onBytes: (bytes: number) => void): Promise<void> {
    const missing = [...this.#chunks()].filter(({ chunk, start }) => !this.#has(chunk, start))
    const fetched = mapInOrder(missing, concurrentChunks, async ({ chunk, start }) => ({
      start,
      plain: await source.chunk(chunk),
    }))
    for await (const { start, plain } of fetched) {
      this.#write(plain, start)
      onBytes(plain.length)
    }
  }

  /** Makes all of it durable, and reads it back from the device. Throws IMAGE_UNVERIFIED. */
  finish(): void {
    const { entry } = this.#image
    this.#attempt(() => {
      if (!this.#isDevice) ftruncateSync(this.#fd, entry.size)
      fsyncSync(this.#fd)
      dropFromCache(this.#fd)
    })
    if (!this.#isDevice) syncDirectory(dirname(this.#place.path))
    if (imageProblem(this.#image, this.#place) === undefined) return
    throw new MachineError(
      'IMAGE_UNVERIFIED',
      `${this.tree} reads back otherwise than the image of the module ${this.#image.name} that was written to it`,
      { hint: 'check the device; the active root and its images are as they were' },
    )
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }

  *#chunks(): Generator<{ readonly chunk: ChunkRef; readonly start: number }, void, void> {
    let start = 0
    for (const chunk of this.#image.tree.chunkTable(0)) {
      yield { chunk, start }
      start += chunk.size
    }
  }

  #has({ digest, size }: ChunkRef, start: number): boolean {
    const part = readPart(this.#fd, start, size)
    return part !== undefined && digestOf(part) === digest
  }

  #write(plain: Buffer, start: number): void {
    this.#attempt(() => {
      for (let done = 0; done < plain.length;) {
        done += writeSync(this.#fd, plain, done, plain.length - done, start + done)
      }
    })
  }

  #attempt(action: () => void): void {
    try {
      action()
    } catch (error) {
      throw treeWriteError(error, { tree: this.tree, path: '' }, 'write this image')
    }
  }
}

/** What is wrong with the image at a place; undefined when it is as it must be. Reads all of it. */
export function imageProblem({ entry }: ImageModule, place: ImagePlace): 'missing' | 'different' | undefined {
  const fd = openIfThere(place)
  if (fd === undefined) return 'missing'
  try {
    const stats = fstatSync(fd)
    if (stats.isFile() && stats.size !== entry.size) return 'different'
    return hashContent(fd, { ...entry, tree: place.path }) === entry.digest ? undefined : 'different'
  } catch {
    return 'different'
  } finally {
    closeSync(fd)
  }
}
