import {
  isAddress,
  isBranch,
  isPageAddress,
  readDistance14,
  readDistance19,
  readDistance26,
  readImmediate21,
  readLow12,
  takesLow12,
  writeDistance14,
  writeDistance19,
  writeDistance26,
  writeImmediate21,
  writeLow12,
} from './aarch64-instruction.ts'
import { form } from './reference-list.ts'
import type { InstructionForm } from './reference-list.ts'
import type { ShiftMap } from './shift-map.ts'

const pageBytes = 4096

/** A piece of code that moves as a whole. Addresses are those of the basis. */
export interface MovingCode {
  readonly bytes: DataView
  readonly from: number
  readonly to: number
  readonly shift: number
  readonly addresses: ShiftMap
}

/**
 * Rewrites the AArch64 instruction at `at` of the piece's bytes, which was at `address`. `extra` as in
 * `ReferenceList`; an `adrp` must be rewritten before the instructions that build on it.
 */
export function moveInstruction(
  code: MovingCode,
  at: number,
  kind: InstructionForm,
  extra: number,
  address: number,
): void {
  const { bytes, addresses } = code
  const word = bytes.getInt32(at, true)
  switch (kind) {
    case form.branch26: {
      const distance = readDistance26(word)
      const growth = growthOf(code, address, distance, 2 ** 27)
      if (growth !== 0) bytes.setInt32(at, writeDistance26(word, distance + growth), true)
      return
    }
    case form.branch19: {
      const distance = readDistance19(word)
      const growth = growthOf(code, address, distance, 2 ** 20)
      if (growth !== 0) bytes.setInt32(at, writeDistance19(word, distance + growth), true)
      return
    }
    case form.branch14: {
      const distance = readDistance14(word)
      const growth = growthOf(code, address, distance, 2 ** 15)
      if (growth !== 0) bytes.setInt32(at, writeDistance14(word, distance + growth), true)
      return
    }
    case form.address21: {
      const distance = readImmediate21(word)
      const growth = growthOf(code, address, distance, 2 ** 20)
      if (growth !== 0) bytes.setInt32(at, writeImmediate21(word, distance + growth), true)
      return
    }
    case form.page21: {
      const target = addresses.map(pageTarget(bytes, at, extra, address))
      const pages = Math.floor(target / pageBytes) - Math.floor((address + code.shift) / pageBytes)
      bytes.setInt32(at, writeImmediate21(word, pages), true)
      return
    }
    case form.low12: {
      const target = addresses.map(extra + readLow12(word))
      bytes.setInt32(at, writeLow12(word, target - Math.floor(target / pageBytes) * pageBytes), true)
      return
    }
  }
}

/**
 * How much farther `address + distance` is after the move. What lies in the same piece goes along, whatever became of
 * other copies of it; and a branch that could no longer reach where its target seems to have gone has another one.
 */
function growthOf(code: MovingCode, address: number, distance: number, reach: number): number {
  const target = address + distance
  if (target >= code.from && target < code.to) return 0
  const growth = code.addresses.shiftAt(target) - code.shift
  return distance + growth >= -reach && distance + growth < reach ? growth : 0
}

/**
 * What the `adrp` at `at` and the instruction `distance` bytes after it lead to; without one, the middle of the page,
 * which goes where most of the page goes.
 */
function pageTarget(bytes: DataView, at: number, distance: number, address: number): number {
  const page = Math.floor(address / pageBytes) + readImmediate21(bytes.getInt32(at, true))
  const low = distance === 0 ? pageBytes / 2 : readLow12(bytes.getInt32(at + distance, true))
  return page * pageBytes + low
}

/**
 * The address that the instruction at `at` leads to; undefined if it is not one of its kind, leads to a page as such,
 * or no farther than its own function, and for the second of a pair, which the first speaks for.
 */
export function instructionTarget(
  bytes: DataView,
  at: number,
  kind: InstructionForm,
  extra: number,
  address: number,
): number | undefined {
  const word = bytes.getInt32(at, true)
  switch (kind) {
    case form.branch26:
      return isBranch(word) ? address + readDistance26(word) : undefined
    case form.address21:
      return isAddress(word) ? address + readImmediate21(word) : undefined
    case form.page21: {
      const hasLow = extra > 0 && at + extra + 4 <= bytes.byteLength
      if (!isPageAddress(word) || !hasLow || !takesLow12(bytes.getInt32(at + extra, true))) return undefined
      return pageTarget(bytes, at, extra, address)
    }
    case form.branch19:
    case form.branch14:
    case form.low12:
      return undefined
  }
}

/** `word` with `identity` in place of its reference. Those inside functions stay: they tell functions apart. */
export function identifyInstruction(word: number, kind: InstructionForm, identity: number): number {
  switch (kind) {
    case form.branch26:
      return writeDistance26(word, identity)
    case form.address21:
    case form.page21:
      return writeImmediate21(word, identity)
    case form.low12:
      return writeLow12(word, identity)
    case form.branch19:
    case form.branch14:
      return word
  }
}
