import { constants, zstdCompressSync } from 'node:zlib'
import { joinViews } from '../delta/content-view.ts'
import type { ContentView } from '../delta/content-view.ts'
import { listStreams } from '../delta/delta-streams.ts'
import { encodeDelta, encodeWhole } from '../delta/encode-delta.ts'
import type { Delta, DeltaPart } from '../delta/encode-delta.ts'
import { openContent, type OpenContent } from './open-content.ts'
import type { BasisFile, ContentTask } from './pack-messages.ts'

/** How a content is best expressed, of the ways that were tried. */
export interface ChosenDelta extends Disposable {
  readonly delta: Delta
  readonly basis: ContentView
  readonly bases: readonly BasisFile[]
  readonly estimatedBytes: number
}

/** A delta this small, as a share of the content, is not worth looking for a better one. */
const goodShare = 0.08
/** Larger contents are tried against their likeliest basis only. */
const triedBytes = 64 << 20

interface Attempt {
  readonly delta: Delta
  readonly basis: ContentView
  readonly bases: readonly BasisFile[]
  readonly opened: readonly OpenContent[]
  readonly estimatedBytes: number
}

/**
 * Tries the candidates in their order until one is good, what they give together where one alone is not, and no basis
 * at all; takes what is smallest by a quick compression. The caller disposes of what it gets.
 */
export function chooseDelta(target: ContentView, task: ContentTask, partBytes: number): ChosenDelta {
  const tries = task.target.size > triedBytes ? task.candidates.slice(0, 1) : task.candidates
  let best: Attempt | undefined
  for (const bases of basesToTry(tries)) {
    if (best !== undefined && best.estimatedBytes < task.target.size * goodShare) break
    best = better(best, attempt(target, bases, partBytes))
  }
  if (best === undefined || best.estimatedBytes >= task.target.size * goodShare) {
    best = better(best, attempt(target, [], partBytes))
  }
  const { delta, basis, bases, opened, estimatedBytes } = best
  return { delta, basis, bases, estimatedBytes, [Symbol.dispose]: () => closeAll(opened) }
}

/** Each alone, then the first with those that are meant to be used with it. */
function basesToTry(candidates: readonly BasisFile[]): BasisFile[][] {
  const alone = candidates.filter(({ reason }) => reason !== 'part')
  const parts = candidates.filter(({ reason }) => reason === 'part')
  const tries = alone.map((basis) => [basis])
  if (parts.length > 0) tries.push([...alone.slice(0, 1), ...parts])
  return tries
}

function attempt(target: ContentView, bases: readonly BasisFile[], partBytes: number): Attempt {
  const opened = bases.map(openContent)
  const basis = joinViews(opened)
  const made = bases.length === 0 ? encodeWhole(target, partBytes) : encodeDelta(target, basis, partBytes)
  // What is small is made once and kept; a large whole content is made again when it is written.
  if (bases.length === 0) return { delta: made, basis, bases, opened, estimatedBytes: estimateWhole(target) }
  const parts: DeltaPart[] = [...made.parts]
  const estimatedBytes = parts.reduce((sum, part) => sum + estimate(part), 0)
  return { delta: { head: made.head, parts }, basis, bases, opened, estimatedBytes }
}

function better(a: Attempt | undefined, b: Attempt): Attempt {
  if (a === undefined) return b
  const [winner, loser] = b.estimatedBytes < a.estimatedBytes ? [b, a] : [a, b]
  closeAll(loser.opened)
  return winner
}

function closeAll(opened: readonly OpenContent[]): void {
  for (const content of opened) content[Symbol.dispose]()
}

function estimate(part: DeltaPart): number {
  return listStreams(part.streams).reduce((sum, writer) => sum + compressedBytes(writer.written()), 0)
}

/** From a sample of what is large. */
function estimateWhole(target: ContentView): number {
  const sampleBytes = 4 << 20
  if (target.length <= sampleBytes) return compressedBytes(target.readAt(0, target.length))
  const middle = Math.floor((target.length - sampleBytes) / 2)
  return Math.ceil((compressedBytes(target.readAt(middle, sampleBytes)) / sampleBytes) * target.length)
}

/** About what the bytes take of a group, where what frames cost is shared by many. */
function compressedBytes(bytes: Uint8Array): number {
  if (bytes.length < 32) return bytes.length
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } }).length
}
