import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { emptyDigest, type Digest } from '../../manifests/digest.ts'
import { encodeEntry } from '../../manifests/entry-line.ts'
import type { SourceEntry } from '../../manifests/entry.ts'

const bufferBytes = 1 << 20

/** Before the line of an entry whose content is still to be placed. */
const unplaced = '+'
const unknownDigest = `{"digest":"${emptyDigest}",`
const unknownOffset = '"offset":0,'

/** Where a file's content turned out to be. */
export interface PlacedContent {
  readonly digest: Digest
  readonly offset: number
}

/**
 * Entries on disk, in the order of the walk, while the digests and offsets of their contents are still being found
 * out: a tree may have more entries than fit into memory.
 */
export class EntrySpool implements Disposable {
  readonly #fd: number
  #pending: string[] = []
  #pendingChars = 0
  #entries = 0

  constructor(path: string) {
    this.#fd = openSync(path, 'wx+', 0o600)
  }

  get entries(): number {
    return this.#entries
  }

  add(entry: SourceEntry): void {
    const line =
      entry.type === 'file'
        ? `${entry.size === 0 ? '' : unplaced}${encodeEntry({ ...entry, digest: emptyDigest, offset: 0 })}`
        : encodeEntry(entry)
    this.#pending.push(line)
    this.#pendingChars += line.length + 1
    this.#entries++
    if (this.#pendingChars >= bufferBytes) this.#flush()
  }

  /** The final lines. `placeNext` is asked for each file that has content, in the order in which they were added. */
  *lines(placeNext: () => PlacedContent): Generator<string, void, undefined> {
    this.#flush()
    for (const line of this.#spooledLines()) {
      yield line.startsWith(unplaced) ? placed(line, placeNext()) : line
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }

  #flush(): void {
    if (this.#pending.length === 0) return
    const bytes = Buffer.from(`${this.#pending.join('\n')}\n`)
    for (let written = 0; written < bytes.length;) written += writeSync(this.#fd, bytes, written)
    this.#pending = []
    this.#pendingChars = 0
  }

  *#spooledLines(): Generator<string, void, undefined> {
    const buffer = Buffer.allocUnsafe(bufferBytes)
    let rest = Buffer.alloc(0)
    let position = 0
    for (;;) {
      const count = readSync(this.#fd, buffer, 0, bufferBytes, position)
      if (count === 0) return
      position += count
      const data = Buffer.concat([rest, buffer.subarray(0, count)])
      const end = data.lastIndexOf(10) + 1
      if (end > 0) yield* data.toString('utf8', 0, end - 1).split('\n')
      rest = Buffer.from(data.subarray(end))
    }
  }
}

/** Both members stand before the path: nothing that a tree could name is mistaken for them. */
function placed(line: string, { digest, offset }: PlacedContent): string {
  const start = unplaced.length + unknownDigest.length
  const at = line.indexOf(unknownOffset, start)
  const between = line.slice(start, at)
  return `{"digest":"${digest}",${between}"offset":${offset},${line.slice(at + unknownOffset.length)}`
}
