import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { form, ReferenceList } from '../../../src/delta/reference-list.ts'
import { scanAarch64 } from '../../../src/delta/scan-aarch64.ts'

const start = 0x21_0000
const code = { from: 0x20_0000, to: 0x24_0000 }
const program = { from: 0x20_0000, to: 0x30_0000 }
/** What `adrp` with `pages(1)` leads to from anywhere in these pieces. */
const page = 0x21_1000

const nop = 0xd503201f
const ret = 0xd65f03c0
const adrp = (register: number): number => 0xb0000000 | register
const add = (to: number, from: number, low: number): number =>
  (0x91000000 | (low << 10) | (from << 5) | to) >>> 0
const load = (to: number, from: number, low: number): number =>
  (0xf9400000 | ((low / 8) << 10) | (from << 5) | to) >>> 0
const store = (what: number, to: number, low: number): number =>
  (0xf9000000 | ((low / 8) << 10) | (to << 5) | what) >>> 0
const call = (distance: number): number => (0x94000000 | ((distance >> 2) & 0x3ffffff)) >>> 0
const jump = (distance: number): number => (0x14000000 | ((distance >> 2) & 0x3ffffff)) >>> 0

function bytesOf(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4)
  const view = new DataView(bytes.buffer)
  words.forEach((word, index) => view.setUint32(index * 4, word, true))
  return bytes
}

type Reference = readonly [offset: number, kind: number, extra: number]

function list(found: ReferenceList): Reference[] {
  return Array.from({ length: found.count }, (_, index) => [
    found.offsets[index] as number,
    found.forms[index] as number,
    found.extras[index] as number,
  ])
}

function scan(words: readonly number[]): Reference[] {
  const found = new ReferenceList()
  const bytes = bytesOf(words)
  scanAarch64(bytes, 0, bytes.length, 0, start, code, program, found)
  return list(found)
}

describe('branches', () => {
  test('are found by their upper bits', () => {
    expect(scan([nop, call(0x100), jump(-8), 0x54ffffe0, 0xb4000023, 0x36000385, 0x58000040])).toEqual([
      [4, form.branch26, 0],
      [8, form.branch26, 0],
      [12, form.branch19, 0],
      [16, form.branch19, 0],
      [20, form.branch14, 0],
      [24, form.branch19, 0],
    ])
  })

  test('that lead out of the code are none', () => {
    expect(scan([call(-0x1_0000), call(-0x1_0008), call(0x2_fff4), call(0x2_fff4)])).toEqual([
      [0, form.branch26, 0],
      [8, form.branch26, 0],
    ])
  })

  test('are found at their offset in the file, whatever lies before them', () => {
    const bytes = bytesOf([0, call(4), call(8), 0])
    const found = new ReferenceList()
    scanAarch64(bytes, 4, 12, 5000, start, code, program, found)
    expect(list(found).map(([offset]) => offset)).toEqual([5000, 5004])
  })

  test('stand at multiples of 4 in memory', () => {
    const bytes = Uint8Array.from([0, 0, 0, ...bytesOf([call(4)])])
    const found = new ReferenceList()
    scanAarch64(bytes, 0, bytes.length, 100, start + 1, code, program, found)
    expect(list(found)).toEqual([[103, form.branch26, 0]])
  })
})

describe('adrp', () => {
  test('goes with the instruction that adds the rest', () => {
    expect(scan([adrp(4), nop, add(4, 4, 0xb60)])).toEqual([
      [0, form.page21, 8],
      [8, form.low12, page],
    ])
  })

  test('may be shared', () => {
    expect(scan([adrp(8), load(9, 8, 16), store(8, 31, 0), store(10, 8, 24), add(0, 8, 32)])).toEqual([
      [0, form.page21, 4],
      [4, form.low12, page],
      [12, form.low12, page],
      [16, form.low12, page],
    ])
  })

  test.each([
    ['its register is written', add(8, 8, 1)],
    ['its register is loaded', load(8, 8, 8)],
  ])('is not taken further once %s', (_, word) => {
    expect(scan([adrp(8), word, load(9, 8, 16)])).toEqual([
      [0, form.page21, 4],
      [4, form.low12, page],
    ])
  })

  test('is taken beyond a call only in the registers that calls keep', () => {
    const kinds = (register: number): number[] =>
      scan([adrp(register), call(64), load(0, register, 16)]).map(([, kind]) => kind)
    expect(kinds(18)).toEqual([form.page21, form.branch26])
    expect(kinds(19)).toEqual([form.page21, form.low12, form.branch26])
  })

  test('is taken past jumps, conditional or not', () => {
    expect(scan([adrp(8), 0xb4000048, load(9, 8, 16)])).toContainEqual([8, form.low12, page])
    expect(scan([adrp(8), ret, load(9, 8, 16)])).toContainEqual([8, form.low12, page])
  })

  test('is not taken farther than compilers do', () => {
    const after = (words: number): Reference[] =>
      scan([adrp(8), ...Array.from({ length: words }, () => nop), load(9, 8, 16)])
    expect(after(255)).toHaveLength(2)
    expect(after(256)).toEqual([[0, form.page21, 0]])
  })

  test('stands alone where the piece ends before the rest', () => {
    const bytes = bytesOf([adrp(4), nop, add(4, 4, 0xb60)])
    const found = new ReferenceList()
    scanAarch64(bytes, 0, 11, 0, start, code, program, found)
    expect(list(found)).toEqual([[0, form.page21, 0]])
  })

  test('counts from its page, and is none if it leads out of the program', () => {
    const found = new ReferenceList()
    const bytes = bytesOf([adrp(4), add(4, 4, 8)])
    scanAarch64(bytes, 0, 8, 0, start + 0xff8, code, program, found)
    scanAarch64(bytes, 0, 8, 0, program.to - 0x1000, code, program, found)
    expect(list(found)).toEqual([
      [0, form.page21, 4],
      [4, form.low12, page],
    ])
  })
})

test('adr is found in all of the program', () => {
  expect(scan([0x30000029, 0x707fffe1])).toEqual([[0, form.address21, 0]])
})

/** Bytes of which many are the upper ones of instructions with references. */
const codeLike = fc.array(
  fc.tuple(
    fc.nat(255),
    fc.nat(255),
    fc.nat(255),
    fc.constantFrom(0x90, 0xb0, 0x91, 0xf9, 0x94, 0x54, 0x36, 0x30),
  ),
  { maxLength: 60 },
)

test('a piece is read for itself, whatever it holds', () => {
  fc.assert(
    fc.property(
      codeLike,
      fc.nat(9),
      fc.nat(9),
      fc.nat(5000),
      fc.nat(255),
      (words, before, after, offset, fill) => {
        const piece = Uint8Array.from(words.flat())
        const around = new Uint8Array(before + piece.length + after).fill(fill)
        around.set(piece, before)
        const alone = new ReferenceList()
        const inside = new ReferenceList()
        scanAarch64(piece, 0, piece.length, offset, start + offset, code, program, alone)
        scanAarch64(around, before, before + piece.length, offset, start + offset, code, program, inside)
        expect(list(inside)).toEqual(list(alone))
        for (const [at, , extra] of list(alone).filter(([, kind]) => kind === form.page21)) {
          expect(at + extra + 4).toBeLessThanOrEqual(offset + piece.length)
        }
        for (const [at] of list(alone)) {
          expect(at).toBeGreaterThanOrEqual(offset)
          expect(at + 4).toBeLessThanOrEqual(offset + piece.length)
        }
      },
    ),
  )
})
