import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { threadId } from 'node:worker_threads'
import { joinViews, type ContentView } from '../delta/content-view.ts'
import { listStreams, newWriters } from '../delta/delta-streams.ts'
import type { Delta, DeltaPart } from '../delta/encode-delta.ts'
import type { ChosenDelta } from './choose-delta.ts'
import { closeAll, openContent } from './open-content.ts'
import type { ContentTask } from './pack-messages.ts'

interface StoredDelta extends Omit<Delta, 'parts'> {
  /** Counted among the task's candidates. */
  readonly bases: readonly number[]
  readonly parts: readonly { readonly targetBytes: number; readonly streams: readonly Uint8Array[] }[]
}

/** Larger contents are rare, and their deltas would have to be held. */
const maxCachedBytes = 64 << 20

/**
 * Deltas that were found for one pack, for the next: a content that is new against several older releases has mostly the
 * same bases in all of them. It lies in a directory of its own, for the threads of one process; nothing in it is
 * believed, as every delta is proved again.
 */
export class DeltaCache {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** How the content was expressed before, when there were the same candidates. */
  find(target: ContentView, task: ContentTask): ChosenDelta | undefined {
    const path = this.#pathOf(task)
    if (task.target.size > maxCachedBytes || !existsSync(path)) return undefined
    const { bases: numbers, parts, ...delta } = deserialize(readFileSync(path)) as StoredDelta
    const bases = numbers.flatMap((number) => task.candidates[number] ?? [])
    const opened = bases.map(openContent)
    return {
      target,
      repack: undefined,
      delta: {
        ...delta,
        parts: parts.map(({ targetBytes, streams }) => ({ targetBytes, streams: writersOf(streams) })),
      },
      basis: opened.length === 0 ? target : joinViews(opened),
      bases,
      [Symbol.dispose]: () => closeAll(opened),
    }
  }

  /** The same, with its parts in memory; kept if it stands for itself. */
  keep(task: ContentTask, chosen: ChosenDelta): ChosenDelta {
    const { delta, bases } = chosen
    if (delta.isTaught || task.target.size > maxCachedBytes) return chosen
    const parts: DeltaPart[] = [...delta.parts]
    const stored: StoredDelta = {
      ...delta,
      bases: bases.map((basis) => task.candidates.indexOf(basis)),
      parts: parts.map(({ targetBytes, streams }) => ({
        targetBytes,
        streams: listStreams(streams).map((writer) => writer.written()),
      })),
    }
    const path = this.#pathOf(task)
    const temporary = `${path}.${threadId}`
    writeFileSync(temporary, serialize(stored))
    renameSync(temporary, path)
    return { ...chosen, delta: { ...delta, parts }, [Symbol.dispose]: () => chosen[Symbol.dispose]() }
  }

  #pathOf({ target, candidates }: ContentTask): string {
    const hash = createHash('sha256').update(target.digest)
    for (const { digest, reason } of candidates) hash.update(` ${digest} ${reason}`)
    return join(this.#directory, hash.digest('hex'))
  }
}

/** Whether a content may be expressed by its plain content, if the budget for that allows: then it is not cached. */
export function looksCompressed(content: ContentView): boolean {
  const [first, second] = content.readAt(0, 2)
  return compressedStarts.some(([one, other]) => first === one && (other === undefined || second === other))
}

/** Of gzip, zip, PNG and zlib. */
const compressedStarts: readonly (readonly [number, number?])[] = [
  [0x1f, 0x8b],
  [0x50, 0x4b],
  [0x89, 0x50],
  [0x78],
]

function writersOf(streams: readonly Uint8Array[]): DeltaPart['streams'] {
  const writers = newWriters()
  for (const [index, writer] of listStreams(writers).entries()) {
    const bytes = streams[index]
    if (bytes !== undefined) writer.bytes(bytes)
  }
  return writers
}
