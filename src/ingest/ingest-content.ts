import { closeSync } from 'node:fs'
import { digestOf } from '../../manifests/digest.ts'
import { BoundedTasks } from '../bounded-tasks.ts'
import type { ChunkingProfile } from '../chunking/profile.ts'
import { ContentReader } from '../tree/file-content.ts'
import type { WalkedFile } from '../tree/walk-directory.ts'
import type { ChunkTask } from './chunk-messages.ts'
import type { ChunkPool } from './chunk-pool.ts'
import type { ChunkUploader } from './chunk-uploader.ts'
import { ContentIndex } from './content-index.ts'
import { DigestMap } from '../digest-map.ts'
import type { PlacedContent } from './entry-spool.ts'
import { SmallFileGroup } from './small-file-group.ts'
import { StreamLayout, type Segment } from './stream-layout.ts'

/** Turns the contents of a tree's files, handed over in the order of the walk, into chunks and a content stream. */
export class ContentIngest {
  readonly layout = new StreamLayout()
  readonly #pool: ChunkPool
  readonly #uploader: ChunkUploader
  readonly #profile: ChunkingProfile
  readonly #index = new ContentIndex()
  readonly #tasks: BoundedTasks
  readonly #smallFiles = new DigestMap()
  readonly #group: SmallFileGroup
  #groupSegment: Segment | undefined
  readonly #smallBuffer: Buffer

  constructor(pool: ChunkPool, uploader: ChunkUploader, profile: ChunkingProfile) {
    this.#pool = pool
    this.#uploader = uploader
    this.#profile = profile
    this.#group = new SmallFileGroup(profile)
    this.#smallBuffer = Buffer.allocUnsafe(profile.ownChunksBytes)
    this.#tasks = new BoundedTasks(pool.threads * 2)
  }

  /** The file must not be empty. */
  async add(walked: WalkedFile): Promise<void> {
    if (walked.entry.size >= this.#profile.ownChunksBytes) await this.#addLarge(walked)
    else await this.#addSmall(walked)
  }

  /** Waits until everything is cut; afterwards `placements` yields, in the order of the walk, where contents are. */
  async finish(): Promise<void> {
    await this.#endGroup()
    await this.#tasks.finish()
  }

  /** Waits until no file is open and no thread at work any more. */
  async abandon(): Promise<void> {
    await this.#tasks.settle()
  }

  /** Answers, call by call, where the first, second … added file's content is. */
  placements(): () => PlacedContent {
    let file = 0
    return () => this.#index.placeOf(file++)
  }

  async #addLarge(walked: WalkedFile): Promise<void> {
    const segment = this.layout.open()
    const file = this.#index.add(segment, 0)
    const fd = walked.open()
    const task: ChunkTask = { kind: 'file', fd, file: walked.entry }
    const cut = async (): Promise<void> => {
      try {
        const digest = await this.#cut(segment, task)
        walked.assertUnchanged(fd)
        this.#index.setDigest(file, digest)
        this.layout.complete(segment, digest)
      } finally {
        closeSync(fd)
      }
    }
    try {
      await this.#tasks.start(cut)
    } catch (error) {
      // Not started: an earlier task has failed.
      closeSync(fd)
      throw error
    }
  }

  async #addSmall(walked: WalkedFile): Promise<void> {
    const content = this.#read(walked)
    const digest = digestOf(content)
    const same = this.#smallFiles.get(digest)
    if (same !== undefined) {
      this.#index.addSame(same)
      return
    }
    if (!this.#group.hasRoomFor(content.length)) await this.#endGroup()
    this.#groupSegment ??= this.layout.open()
    const file = this.#index.add(this.#groupSegment, this.#group.append(content), digest)
    this.#smallFiles.add(digest, file)
    if (this.#group.endsAfter(walked.entry.path, content.length)) await this.#endGroup()
  }

  #read(walked: WalkedFile): Uint8Array {
    const { entry } = walked
    const fd = walked.open()
    try {
      const content = this.#smallBuffer.subarray(0, entry.size)
      new ContentReader(fd, entry).read(content, 0)
      walked.assertUnchanged(fd)
      return content
    } finally {
      closeSync(fd)
    }
  }

  async #endGroup(): Promise<void> {
    const segment = this.#groupSegment
    if (segment === undefined) return
    this.#groupSegment = undefined
    const task: ChunkTask = { kind: 'bytes', plain: this.#group.take() }
    await this.#tasks.start(async () => {
      await this.#cut(segment, task)
      this.layout.complete(segment)
    })
  }

  #cut(segment: Segment, task: ChunkTask): ReturnType<ChunkPool['run']> {
    return this.#pool.run(task, (chunk) => {
      segment.chunks.push({ digest: chunk.digest, size: chunk.size })
      this.#uploader.add(chunk)
    })
  }
}
