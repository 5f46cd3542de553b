import { Readable } from 'node:stream'
import { digestOf } from '../../manifests/digest.ts'
import type { BlobBody, BlobInfo, ByteRange } from '../../storage/blob-store.ts'
import { resolveRange } from '../../storage/byte-range.ts'

/** What a commit is going to make visible, kept until then: nothing of it is sent before. */
export class StagedObjects {
  readonly #store: string
  readonly #objects = new Map<string, Buffer>()

  /** `store`: its name, for messages. */
  constructor(store: string) {
    this.#store = store
  }

  add(key: string, bytes: Uint8Array): BlobInfo {
    const kept = Buffer.from(bytes)
    this.#objects.set(key, kept)
    return infoOf(key, kept)
  }

  stat(key: string): BlobInfo | undefined {
    const bytes = this.#objects.get(key)
    return bytes && infoOf(key, bytes)
  }

  get(key: string, range: ByteRange | undefined): BlobBody | undefined {
    const bytes = this.#objects.get(key)
    if (bytes === undefined) return undefined
    const { start, end } = resolveRange(this.#store, key, range, bytes.length)
    return { info: infoOf(key, bytes), stream: Readable.from([bytes.subarray(start, end)]) }
  }

  entries(): IterableIterator<[string, Buffer]> {
    return this.#objects.entries()
  }

  clear(): void {
    this.#objects.clear()
  }
}

function infoOf(key: string, bytes: Buffer): BlobInfo {
  return { key, bytes: bytes.length, etag: digestOf(bytes), modified: new Date() }
}
