import {
  baseRegister,
  readDistance14,
  readDistance19,
  readDistance26,
  readImmediate21,
  takesLow12,
} from './aarch64-instruction.ts'
import { form } from './reference-list.ts'
import type { ReferenceList } from './reference-list.ts'
import type { AddressRange } from './scan-x86-64.ts'

/** What the upper byte of an instruction says of it. */
const other = 0
const branch26 = 1
const branch19 = 2
const branch14 = 3
const address = 4
const page = 5

const kinds = new Uint8Array(256)
for (let top = 0; top < 256; top++) {
  if ((top & 0x7c) === 0x14) kinds[top] = branch26
  else if (top === 0x54 || (top & 0x7e) === 0x34 || (top & 0x3b) === 0x18) kinds[top] = branch19
  else if ((top & 0x7e) === 0x36) kinds[top] = branch14
  else if ((top & 0x9f) === 0x10) kinds[top] = address
  else if ((top & 0x9f) === 0x90) kinds[top] = page
}

/** Compilers share one `adrp` between accesses, but rarely over a longer way than this. */
const maxPairBytes = 1024
/** Calls keep what is in these registers and those after them (AAPCS64, 6.1.1). */
const firstKept = 19

/**
 * Finds the references of AArch64 code between `from` and `to`, in bytes of `bytes`; those are at `start` in memory
 * and at `offset` in the file. It takes for an instruction every aligned word that looks like one and points into the
 * program (`code` for branches, `program` for data). An `adrp` and what adds the low 12 bits are both in the list,
 * the `adrp` first; where they do not both lie in the bytes, the `adrp` stands alone.
 */
export function scanAarch64(
  bytes: Uint8Array,
  from: number,
  to: number,
  offset: number,
  start: number,
  code: AddressRange,
  program: AddressRange,
  found: ReferenceList,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const last = to - 4
  const toFile = offset - from
  const toAddress = start - from
  // The same ranges, counted like `at`.
  const codeFrom = code.from - toAddress
  const codeTo = code.to - toAddress
  const programFrom = program.from - toAddress
  const programTo = program.to - toAddress
  for (let at = from + ((4 - (start % 4)) % 4); at <= last; at += 4) {
    const word = view.getInt32(at, true)
    const kind = kinds[word >>> 24] as number
    if (kind === other) continue
    if (kind === branch26) {
      const target = at + readDistance26(word)
      if (target >= codeFrom && target < codeTo) found.add(at + toFile, form.branch26, 0)
    } else if (kind === branch19) {
      const target = at + readDistance19(word)
      if (target >= codeFrom && target < codeTo) found.add(at + toFile, form.branch19, 0)
    } else if (kind === branch14) {
      const target = at + readDistance14(word)
      if (target >= codeFrom && target < codeTo) found.add(at + toFile, form.branch14, 0)
    } else if (kind === address) {
      const target = at + readImmediate21(word)
      if (target >= programFrom && target < programTo) found.add(at + toFile, form.address21, 0)
    } else {
      const target = (Math.floor((at + toAddress) / 4096) + readImmediate21(word)) * 4096
      // A page may start before the first byte of the program that lies in it.
      if (target + 4096 > program.from && target < program.to) {
        addPage(view, at, last, toFile, target, found)
      }
    }
  }
}

/** Adds the `adrp` at `at`, then every access that builds on it before its register is used for something else. */
function addPage(
  view: DataView,
  at: number,
  last: number,
  toFile: number,
  pageAddress: number,
  found: ReferenceList,
): void {
  const register = view.getInt32(at, true) & 31
  const end = Math.min(last, at + maxPairBytes)
  let isFirst = true
  for (let next = at + 4; next <= end; next += 4) {
    const word = view.getInt32(next, true)
    if (takesLow12(word) && baseRegister(word) === register) {
      if (isFirst) found.add(at + toFile, form.page21, next - at)
      isFirst = false
      found.add(next + toFile, form.low12, pageAddress)
    }
    if (endsUse(word, register)) break
  }
  if (isFirst) found.add(at + toFile, form.page21, 0)
}

/** Whether what follows cannot build on `register`. What follows a jump can: it is reached from before. */
function endsUse(word: number, register: number): boolean {
  const writes = (word & 31) === register
  switch ((word >>> 25) & 15) {
    // Branches and system instructions.
    case 10:
    case 11:
      return register < firstKept && isCall(word)
    // Loads and stores: bit 22 is set in nearly all loads, and vector registers have numbers of their own.
    case 4:
    case 12:
      return writes && (word & 0x0040_0000) !== 0
    case 6:
    case 14:
    case 7:
    case 15:
      return false
    default:
      return writes
  }
}

function isCall(word: number): boolean {
  return (word & 0xfc00_0000) === (0x9400_0000 | 0) || (word & 0xffff_fc1f) === (0xd63f_0000 | 0)
}
