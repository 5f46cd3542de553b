import type { FileEntry } from '../../manifests/entry.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'
import { displayTreePath, type TreePath } from '../../manifests/tree-path.ts'
import { mapInOrder } from '../map-in-order.ts'
import type { TreeWriter } from '../tree/tree-writer.ts'
import type { ChunkSource } from './chunk-source.ts'
import { cloneVerified, ContentFile, isLaidOutAlike } from './content-file.ts'
import { MachineError } from './errors.ts'
import type { FileList } from './file-list.ts'
import type { ModuleTree } from './module-tree.ts'

/** How many chunks are fetched at once, and so how many wait in memory: 1 MiB each at most. */
const concurrentChunks = 16

export interface WriteContentsOptions {
  /** Called with plain bytes as they are written. */
  readonly onBytes?: (bytes: number) => void
  /** Where a file of `needed` is written; by default at its path. */
  readonly placeOf?: (file: number) => TreePath
  /** Called with each file of `needed` that is complete and verified. */
  readonly onFile?: (file: number) => void
}

/** The files whose contents need `needed`, and how many plain bytes the chunks for them have. */
export interface ContentPlan {
  readonly order: Uint32Array
  readonly chunks: readonly PlannedChunk[]
  readonly contentBytes: number
}

interface PlannedChunk {
  readonly chunk: ChunkRef
  readonly module: number
  readonly start: number
}

/** Which chunks of the content streams the files need, in order. */
export function planContents(needed: FileList, tree: ModuleTree): ContentPlan {
  const order = needed.inStreamOrder()
  const chunks: PlannedChunk[] = []
  let next = 0
  for (const [module, { chunkTable }] of tree.modules.entries()) {
    let start = 0
    let neededUntil = 0
    for (const chunk of chunkTable) {
      const end = start + chunk.size
      for (; next < order.length; next++) {
        const span = needed.span(order[next] as number)
        if (span.module !== module || span.offset >= end) break
        neededUntil = Math.max(neededUntil, span.offset + span.size)
      }
      if (neededUntil > start) chunks.push({ chunk, module, start })
      start = end
    }
  }
  const contentBytes = chunks.reduce((sum, { chunk }) => sum + chunk.size, 0)
  return { order, chunks, contentBytes }
}

/**
 * Makes the needed files out of the chunks of the plan, each checked against its entry's digest. Files are new when
 * it returns, without metadata; after a failure some are incomplete. Memory: the chunks under way.
 */
export async function writeContents(
  plan: ContentPlan,
  needed: FileList,
  source: ChunkSource,
  writer: TreeWriter,
  options: WriteContentsOptions = {},
): Promise<void> {
  using files = new OpenFiles(plan.order, needed, writer, options)
  const fetched = mapInOrder(plan.chunks, concurrentChunks, async (planned) => ({
    ...planned,
    plain: await source.chunk(planned.chunk),
  }))
  for await (const { module, start, plain } of fetched) {
    files.write(module, start, plain)
    options.onBytes?.(plain.length)
  }
}

/** The files that have some of their content, and wait for the chunks with the rest. */
class OpenFiles implements Disposable {
  readonly #order: Uint32Array
  readonly #needed: FileList
  readonly #writer: TreeWriter
  readonly #options: WriteContentsOptions
  readonly #open = new Set<OpenFile>()
  #next = 0

  constructor(order: Uint32Array, needed: FileList, writer: TreeWriter, options: WriteContentsOptions) {
    this.#order = order
    this.#needed = needed
    this.#writer = writer
    this.#options = options
  }

  write(module: number, start: number, plain: Buffer): void {
    for (const file of this.#open) this.#feed(file, start, plain)
    const end = start + plain.length
    // One after another: a chunk may have more small files than a process may open.
    for (
      let number = this.#takeNext(module, end);
      number !== undefined;
      number = this.#takeNext(module, end)
    ) {
      const entry = this.#needed.entry(number)
      const twin = this.#openTwinOf(entry)
      // Large files of one content may be as many, and stay open until their last chunk.
      if (twin !== undefined) twin.copies.push(number)
      else this.#feed(this.#start(number, entry), start, plain)
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#open) file[Symbol.dispose]()
  }

  #feed(file: OpenFile, start: number, plain: Buffer): void {
    if (!file.write(start, plain)) return
    for (const copy of file.copies) {
      cloneVerified(file.fd, this.#needed.entry(copy), this.#writer, this.#placeOf(copy))
      this.#options.onFile?.(copy)
    }
    this.#open.delete(file)
    file[Symbol.dispose]()
    this.#options.onFile?.(file.number)
  }

  /** The next file whose content begins before `end`. */
  #takeNext(module: number, end: number): number | undefined {
    const number = this.#order[this.#next]
    if (number === undefined) return undefined
    const span = this.#needed.span(number)
    if (span.module !== module || span.offset >= end) return undefined
    this.#next++
    return number
  }

  #openTwinOf(entry: FileEntry): OpenFile | undefined {
    for (const file of this.#open) if (isTwin(file.entry, entry)) return file
    return undefined
  }

  #start(number: number, entry: FileEntry): OpenFile {
    const file = new OpenFile(number, entry, this.#writer, this.#placeOf(number))
    this.#open.add(file)
    return file
  }

  #placeOf(number: number): TreePath {
    return this.#options.placeOf?.(number) ?? this.#needed.entry(number).path
  }
}

/** Whether two files are made of the same bytes of the stream, laid out alike. */
function isTwin(a: FileEntry, b: FileEntry): boolean {
  if (a.offset !== b.offset || a.size !== b.size || a.digest !== b.digest) return false
  return isLaidOutAlike(a, b)
}

class OpenFile implements Disposable {
  readonly number: number
  /** Files that become clones of this one. */
  readonly copies: number[] = []
  readonly #file: ContentFile

  constructor(number: number, entry: FileEntry, writer: TreeWriter, path: TreePath) {
    this.number = number
    this.#file = new ContentFile(entry, writer, path)
  }

  get entry(): FileEntry {
    return this.#file.entry
  }

  get fd(): number {
    return this.#file.fd
  }

  /** Takes its part of the chunk that begins at `start`; returns true when the file is complete. */
  write(start: number, plain: Buffer): boolean {
    const { offset, size } = this.entry
    const position = this.#file.bytes
    const from = offset + position - start
    this.#file.add(plain.subarray(from, from + Math.min(size - position, plain.length - from)))
    if (this.#file.bytes < size) return false
    this.#check()
    return true
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]()
  }

  #check(): void {
    const { path, digest } = this.entry
    if (this.#file.isRight()) return
    throw new MachineError('OBJECT_CORRUPT', `the content of "/${displayTreePath(path)}" is not ${digest}`, {
      hint: 'the manifest contradicts its own chunks; tell whoever published it',
    })
  }
}
