import { closeSync } from 'node:fs'
import { digestOf, type Digest } from '../../manifests/digest.ts'
import { BoundedTasks } from '../bounded-tasks.ts'
import type { ChunkingProfile } from '../chunking/profile.ts'
import { ContentReader } from '../tree/file-content.ts'
import type { WalkedFile } from '../tree/walk-directory.ts'
import type { SketchedContent } from '../similarity/sketch-set.ts'
import type { ChunkTask } from './chunk-messages.ts'
import type { ChunkPool } from './chunk-pool.ts'
import type { ChunkUploader } from './chunk-uploader.ts'
import { ContentIndex } from './content-index.ts'
import { DigestMap } from '../digest-map.ts'
import type { PlacedContent } from './entry-spool.ts'
import { SketchLog, type EarlierSketches } from './sketch-log.ts'
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
  readonly #sketches: SketchLog
  #groupSketches: GroupSketches = { rows: [], ranges: [] }

  constructor(
    pool: ChunkPool,
    uploader: ChunkUploader,
    profile: ChunkingProfile,
    earlierSketches: EarlierSketches | undefined,
  ) {
    this.#pool = pool
    this.#uploader = uploader
    this.#profile = profile
    this.#group = new SmallFileGroup(profile)
    this.#smallBuffer = Buffer.allocUnsafe(profile.ownChunksBytes)
    this.#tasks = new BoundedTasks(pool.threads * 2)
    this.#sketches = new SketchLog(profile.ownChunksBytes, earlierSketches)
  }

  /** The file must not be empty. `ordinal`: that of its entry. */
  async add(walked: WalkedFile, ordinal: number): Promise<void> {
    if (walked.entry.size >= this.#profile.ownChunksBytes) await this.#addLarge(walked, ordinal)
    else await this.#addSmall(walked, ordinal)
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

  /** Each distinct content that is worth a sketch, in the order of the walk; once everything is cut. */
  sketches(): Iterable<SketchedContent> {
    return this.#sketches.contents((file) => this.#index.placeOf(file).digest)
  }

  async #addLarge(walked: WalkedFile, ordinal: number): Promise<void> {
    const segment = this.layout.open()
    const file = this.#index.add(segment, 0)
    const row = this.#sketches.add(ordinal, file, walked.entry.size)
    const fd = walked.open()
    const sketch = this.#sketches.hasEarlier ? 'unlikely' : 'wanted'
    const task: ChunkTask = { kind: 'file', fd, file: walked.entry, ...(row !== undefined && { sketch }) }
    const cut = async (): Promise<void> => {
      try {
        const rows = row === undefined ? [] : [row]
        const digest = await this.#cut(segment, task, rows)
        await this.#sketchIfLacking(digest, rows, { kind: 'sketch', fd, file: walked.entry })
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

  /** For a content that was not sketched, as it began like a known one, and is another after all. */
  async #sketchIfLacking(digest: Digest, rows: readonly number[], task: ChunkTask): Promise<void> {
    if (!rows.some((row) => this.#sketches.lacks(row, digest))) return
    await this.#pool.run(
      task,
      () => undefined,
      (sketches) => this.#sketches.set(rows, sketches),
    )
  }

  async #addSmall(walked: WalkedFile, ordinal: number): Promise<void> {
    const content = this.#read(walked)
    const digest = digestOf(content)
    const same = this.#smallFiles.get(digest)
    if (same !== undefined) {
      this.#index.addSame(same)
      return
    }
    if (!this.#group.hasRoomFor(content.length)) await this.#endGroup()
    this.#groupSegment ??= this.layout.open()
    const start = this.#group.append(content)
    const file = this.#index.add(this.#groupSegment, start, digest)
    this.#smallFiles.add(digest, file)
    const row = this.#sketches.add(ordinal, file, content.length)
    if (row !== undefined && this.#sketches.lacks(row, digest)) {
      this.#groupSketches.rows.push(row)
      this.#groupSketches.ranges.push(start, start + content.length)
    }
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
    const { rows, ranges } = this.#groupSketches
    this.#groupSketches = { rows: [], ranges: [] }
    const task: ChunkTask = { kind: 'bytes', plain: this.#group.take(), sketch: ranges }
    await this.#tasks.start(async () => {
      await this.#cut(segment, task, rows)
      this.layout.complete(segment)
    })
  }

  /** `rows`: of the contents that the task sketches. */
  #cut(segment: Segment, task: ChunkTask, rows: readonly number[]): Promise<Digest> {
    return this.#pool.run(
      task,
      (chunk) => {
        segment.chunks.push({ digest: chunk.digest, size: chunk.size })
        this.#uploader.add(chunk)
      },
      (sketches) => this.#sketches.set(rows, sketches),
    )
  }
}

/** What is to be sketched of the group of small files that is being collected. */
interface GroupSketches {
  readonly rows: number[]
  /** Where each content begins and ends in the group, in turn. */
  readonly ranges: number[]
}
