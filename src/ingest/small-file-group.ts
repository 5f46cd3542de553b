import type { TreePath } from '../../manifests/tree-path.ts'
import type { ChunkingProfile } from '../chunking/profile.ts'
import { endsGroup } from '../chunking/small-files.ts'

/** Collects the contents of small files, one after another, into what becomes one chunk. */
export class SmallFileGroup {
  readonly #profile: ChunkingProfile
  #buffer: Uint8Array<ArrayBuffer>
  #bytes = 0

  constructor(profile: ChunkingProfile) {
    this.#profile = profile
    this.#buffer = new Uint8Array(profile.maxBytes)
  }

  get bytes(): number {
    return this.#bytes
  }

  hasRoomFor(fileBytes: number): boolean {
    return this.#bytes + fileBytes <= this.#profile.maxBytes
  }

  /** Returns where in the group the content begins. */
  append(content: Uint8Array): number {
    const start = this.#bytes
    this.#buffer.set(content, start)
    this.#bytes += content.length
    return start
  }

  endsAfter(path: TreePath, fileBytes: number): boolean {
    return endsGroup(path, fileBytes, this.#bytes, this.#profile)
  }

  /** The group's bytes; the group is empty then. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#buffer.slice(0, this.#bytes)
    this.#bytes = 0
    return taken
  }
}
