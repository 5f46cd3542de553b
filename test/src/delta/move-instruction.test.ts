import { describe, expect, test } from 'vitest'
import {
  identifyInstruction,
  instructionTarget,
  moveInstruction,
} from '../../../src/delta/move-instruction.ts'
import { form, ReferenceList } from '../../../src/delta/reference-list.ts'
import type { InstructionForm } from '../../../src/delta/reference-list.ts'
import { scanAarch64 } from '../../../src/delta/scan-aarch64.ts'
import { ShiftMap } from '../../../src/delta/shift-map.ts'

const start = 0x21_0000
const program = { from: 0x20_0000, to: 0x40_0000 }
const nop = 0xd503201f

function viewOf(words: readonly number[]): DataView {
  const view = new DataView(new ArrayBuffer(words.length * 4))
  words.forEach((word, index) => view.setUint32(index * 4, word, true))
  return view
}

function wordsOf(view: DataView): number[] {
  return Array.from({ length: view.byteLength / 4 }, (_, index) => view.getUint32(index * 4, true))
}

/** `words` from `start`, after they moved by `shift`, what is from `data` on by `dataShift`, and all else by nothing. */
function move(words: readonly number[], shift: number, data: number, dataShift: number): number[] {
  const bytes = viewOf(words)
  const found = new ReferenceList()
  const end = start + bytes.byteLength
  scanAarch64(new Uint8Array(bytes.buffer), 0, bytes.byteLength, 0, start, program, program, found)
  const addresses = new ShiftMap(
    Float64Array.of(0, start, end, data),
    Float64Array.of(0, shift, 0, dataShift),
  )
  for (let index = 0; index < found.count; index++) {
    const at = found.offsets[index] as number
    const kind = found.forms[index] as InstructionForm
    const code = { bytes, from: start, to: end, shift, addresses }
    moveInstruction(code, at, kind, found.extras[index] as number, start + at)
  }
  return wordsOf(bytes)
}

const far = 0x30_0000

describe('a branch', () => {
  test.each([
    ['bl', 0x94004000, 0x94004000 + (0x2000 >> 2) - (0x100 >> 2)],
    ['cbz x0', 0xb4780000, 0xb4780000 + (((0x2000 - 0x100) >> 2) << 5)],
  ])('%s follows its target', (_, word, wanted) => {
    const distance = word === 0x94004000 ? 0x1_0000 : 0xf_0000
    expect(move([word], 0x100, start + distance, 0x2000)).toEqual([wanted >>> 0])
  })

  test('inside what moves as a whole stays', () => {
    expect(move([0x14000001, 0x17ffffff], 0x100, far, 0)).toEqual([0x14000001, 0x17ffffff])
  })

  test('that would not reach stays', () => {
    // cbz x0, 1 MiB - 4
    expect(move([0xb47fffe0], 0, start + 0x1000, 0x100)).toEqual([0xb47fffe0])
    expect(move([0xb47fff00], 0, start + 0x1000, 0x10)).toEqual([0xb47fff80])
  })
})

// adrp x4, 0xf0 pages; add x4, x4, #0xb60; ldr x9, [x8, #0xb60] with adrp x8
const pair = [0x90000784, 0x912d8084]
const loading = [0x90000788, 0xf945b109]

describe('adrp and what adds the rest', () => {
  test('follow what both lead to over a page boundary', () => {
    expect(move(pair, 0, far, 0x500)).toEqual([0xb0000784, 0x91018084])
    expect(move(loading, 0, far, 0x500)).toEqual([0xb0000788, 0xf9403109])
  })

  test('count pages from where they are', () => {
    // From the page 0x210 to 0x211, or only to its last word, while the target stays.
    expect(move(pair, 0x1000, far, 0)).toEqual([0xf0000764, 0x912d8084])
    expect(move(pair, 0xffc, far, 0)).toEqual(pair)
  })
})

test('adrp alone follows the greater part of its page', () => {
  expect(move([0x90000784], 0, far, 0x7ff)).toEqual([0x90000784])
  expect(move([0x90000784], 0, far, 0x800)).toEqual([0xb0000784])
})

test('adr follows its target', () => {
  // adr x9, #0x10005
  expect(move([0x30080029], 0x10, start + 0x1_0000, 0x13)).toEqual([0x10080049])
})

describe('the target of an instruction', () => {
  const at = (words: readonly number[], kind: InstructionForm, extra = 0): number | undefined =>
    instructionTarget(viewOf(words), 0, kind, extra, start)

  test('is known for those that lead out of their function', () => {
    expect(at([0x94000010], form.branch26)).toBe(start + 0x40)
    expect(at([0x30000029], form.address21)).toBe(start + 5)
    expect(at(pair, form.page21, 4)).toBe(far + 0xb60)
  })

  test('is not where the instruction is another', () => {
    expect(at([nop], form.branch26)).toBeUndefined()
    expect(at([nop], form.address21)).toBeUndefined()
    expect(at([nop, nop], form.page21, 4)).toBeUndefined()
    expect(at([0x90000784, nop], form.page21, 4)).toBeUndefined()
    expect(at([0x90000784], form.page21, 4)).toBeUndefined()
  })
})

test('an instruction made comparable keeps all but its reference', () => {
  const blank = (word: number, kind: InstructionForm): number => identifyInstruction(word | 0, kind, 0) >>> 0
  expect(blank(0x97ffffff, form.branch26)).toBe(0x94000000)
  expect(blank(0xf0ffffe9, form.page21)).toBe(0x90000009)
  expect(blank(0xf945b109, form.low12)).toBe(0xf9400109)
  expect(blank(0xb4780000, form.branch19)).toBe(0xb4780000)
})
