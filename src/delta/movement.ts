import type { Copy } from './copy.ts'
import type { Executable } from './elf.ts'
import type { Region } from './region.ts'
import type { AddressRange } from './scan-x86-64.ts'
import type { SectionLayout } from './section-layout.ts'
import { ShiftMap } from './shift-map.ts'
import { readWord, writeWord } from './word.ts'

/** Where the parts of the basis have gone in the target. */
export interface Movement {
  /** From offsets of the basis to offsets of the target. */
  readonly offsets: ShiftMap
  /** From addresses of the basis to addresses of the target. */
  readonly addresses: ShiftMap
  /** By region: what is added to address minus offset. */
  readonly biases: Float64Array
  /** Where nothing is linked yet. */
  readonly sections: SectionLayout | undefined
}

/** By how much the start of a section moves in the file. */
export function shiftOfStart({ section, offset }: Region, { offsets, sections }: Movement): number {
  return sections === undefined ? offsets.shiftAt(offset) : (sections.starts[section] as number) - offset
}

/** A position counted from the start of a section, after both have moved. */
export function moveInside(movement: Movement, region: Region, position: number): number {
  return position + movement.offsets.shiftAt(region.offset + position) - shiftOfStart(region, movement)
}

/** Moves the address in the 64 bits at `at`, if it is one in `program`: 0 is none. */
export function moveAddress(view: DataView, at: number, program: AddressRange, addresses: ShiftMap): void {
  const value = readWord(view, at)
  if (value > 0 && value >= program.from && value <= program.to) writeWord(view, at, addresses.map(value))
}

/** A piece of the basis, from `start` to the next one's, that moved by `shift`. */
interface Piece {
  readonly start: number
  readonly shift: number
}

/**
 * How offsets move: by the copy that covers them, the longest one where several do, or the one before where none does.
 */
export function moveOffsets(copies: readonly Copy[]): ShiftMap {
  return toMap(offsetPieces(copies))
}

/** How addresses move: as the offsets in their region do, plus what the region's address moved against its offset. */
export function moveAddresses(
  copies: readonly Copy[],
  executable: Executable,
  biases: Float64Array,
  exceptions: readonly Exception[],
): ShiftMap {
  const offsets = offsetPieces(copies)
  const pieces: Piece[] = []
  const regions = executable.regions
    .filter((region) => region.address !== undefined && region.addressLength > 0)
    .sort((a, b) => (a.address as number) - (b.address as number))
  let end = 0
  let fileEnd = 0
  for (const region of regions) {
    const address = region.address as number
    const overlaps = address < end || (region.length > 0 && region.offset < fileEnd)
    if (overlaps) continue
    end = address + region.addressLength
    if (region.length > 0) fileEnd = region.offset + region.length
    const bias = biases[region.section] as number
    if (region.length === 0) {
      pieces.push({ start: address, shift: bias })
      continue
    }
    let index = lastAtMost(offsets, region.offset)
    pieces.push({ start: address, shift: (offsets[Math.max(index, 0)]?.shift ?? 0) + bias })
    for (index++; index < offsets.length; index++) {
      const { start, shift } = offsets[index] as Piece
      if (start >= region.offset + region.length) break
      if (start > region.offset) pieces.push({ start: start - region.offset + address, shift: shift + bias })
    }
  }
  return toMap(withExceptions(pieces, exceptions))
}

/** Addresses from `start` on, `length` of them, that moved by `shift` whatever the copies say. */
export interface Exception {
  readonly start: number
  readonly length: number
  readonly shift: number
}

function withExceptions(pieces: readonly Piece[], exceptions: readonly Exception[]): Piece[] {
  if (exceptions.length === 0) return [...pieces]
  const merged: Piece[] = []
  let next = 0
  let under = pieces[0]?.shift ?? 0
  for (const { start, length, shift } of exceptions) {
    for (; next < pieces.length && (pieces[next] as Piece).start < start; next++) {
      merged.push(pieces[next] as Piece)
      under = (pieces[next] as Piece).shift
    }
    merged.push({ start, shift })
    for (; next < pieces.length && (pieces[next] as Piece).start <= start + length; next++) {
      under = (pieces[next] as Piece).shift
    }
    merged.push({ start: start + length, shift: under })
  }
  for (; next < pieces.length; next++) merged.push(pieces[next] as Piece)
  return merged
}

function offsetPieces(copies: readonly Copy[]): Piece[] {
  const sorted = [...copies].sort((a, b) => a.basis - b.basis || b.length - a.length)
  const pieces: Piece[] = []
  const active: Copy[] = []
  let next = 0
  let at = 0
  while (next < sorted.length || active.length > 0) {
    if (active.length === 0) at = Math.max(at, (sorted[next] as Copy).basis)
    while (next < sorted.length && (sorted[next] as Copy).basis <= at)
      insertByLength(active, sorted[next++] as Copy)
    while (active.length > 0 && endOf(active.at(-1) as Copy) <= at) active.pop()
    const top = active.at(-1)
    if (top === undefined) continue
    const shift = top.target - top.basis
    if (pieces.at(-1)?.shift !== shift) pieces.push({ start: at, shift })
    at = Math.min(endOf(top), next < sorted.length ? (sorted[next] as Copy).basis : Number.MAX_SAFE_INTEGER)
  }
  return pieces
}

/** Keeps the longest copy last; few copies lie over each other. */
function insertByLength(active: Copy[], copy: Copy): void {
  let index = active.length
  while (index > 0 && (active[index - 1] as Copy).length > copy.length) index--
  active.splice(index, 0, copy)
}

function endOf(copy: Copy): number {
  return copy.basis + copy.length
}

function lastAtMost(pieces: readonly Piece[], position: number): number {
  let low = -1
  let high = pieces.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((pieces[middle] as Piece).start <= position) low = middle
    else high = middle - 1
  }
  return low
}

function toMap(pieces: readonly Piece[]): ShiftMap {
  return new ShiftMap(
    Float64Array.from(pieces, (piece) => piece.start),
    Float64Array.from(pieces, (piece) => piece.shift),
  )
}
