import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { form, ReferenceList } from '../../../src/delta/reference-list.ts'
import { scanX86 } from '../../../src/delta/scan-x86-64.ts'

const address = 0x40_1000
const code = { from: 0x40_0000, to: 0x41_0000 }
const program = { from: 0x40_0000, to: 0x50_0000 }
const offset = 0x200

/** References by their place in `bytes`. */
function scan(
  bytes: readonly number[] | Uint8Array,
  isFixed = false,
): [at: number, form: number | undefined][] {
  const found = new ReferenceList()
  const all = Uint8Array.from(bytes)
  scanX86(all, 0, all.length, offset, address, code, program, isFixed, found)
  return Array.from({ length: found.count }, (_, index) => [
    (found.offsets[index] as number) - offset,
    found.forms[index],
  ])
}

/** The 32 bits that lead from the field at `at` to `target`. */
function to(target: number, at: number): number[] {
  return word(target - (address + at + 4))
}

function word(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff]
}

const near = 0x40_2000
const data = 0x48_0000

describe('is found', () => {
  test.each<[string, number[], number]>([
    ['a call', [0xe8, ...to(near, 1)], 1],
    ['a jump', [0xe9, ...to(near, 1)], 1],
    ['a conditional jump', [0x0f, 0x84, ...to(near, 2)], 2],
    ['a load relative to the instruction', [0x48, 0x8b, 0x05, ...to(data, 3)], 3],
    ['an address relative to the instruction', [0x48, 0x8d, 0x3d, ...to(data, 3)], 3],
    ['one behind other instructions', [0x55, 0x89, 0xf8, 0xe8, ...to(near, 4)], 4],
  ])('%s', (_, bytes, at) => {
    expect(scan(bytes)).toEqual([[at, form.afterField]])
  })

  test.each<[string, number[], number]>([
    ['an immediate', [0xbf, ...word(data)], 1],
    ['what is pushed', [0x68, ...word(data)], 1],
    ['what is stored', [0xc7, 0x00, ...word(data)], 2],
    ['what is stored behind a displacement', [0xc7, 0x45, 0x08, ...word(data)], 3],
    ['what is stored with an index', [0xc7, 0x04, 0x24, ...word(data)], 3],
    ['a table without a base', [0x8b, 0x04, 0xc5, ...word(data)], 3],
  ])('in a program with a fixed place %s', (_, bytes, at) => {
    expect(scan(bytes, true)).toEqual([[at, form.absolute32]])
    expect(scan(bytes)).toEqual([])
  })
})

describe('is not found', () => {
  test.each<[string, number[]]>([
    ['a call out of the code', [0xe8, ...to(data, 1)]],
    ['a call to nowhere', [0xe8, ...word(0x7000_0000)]],
    ['a load from nowhere', [0x48, 0x8b, 0x05, ...word(0x7000_0000)]],
    ['a call that is cut', [0xe8, ...to(near, 1).slice(0, 3)]],
    ['a conditional jump that is cut', [0x0f, 0x84, ...to(near, 2).slice(0, 3)]],
    ['an operand without an instruction', [0x05, ...to(data, 1)]],
    ['another instruction of two bytes', [0x0f, 0x05, ...to(near, 2)]],
  ])('%s', (_, bytes) => {
    expect(scan(bytes)).toEqual([])
  })
})

test('references lie inside of what is scanned, in order, and do not overlap', () => {
  const bytes = fc.array(
    fc.oneof(fc.nat(255), fc.constantFrom(0xe8, 0x0f, 0x84, 0x8b, 0x05, 0xc7, 0x68, 0, 0xff, 0x40)),
    {
      maxLength: 300,
    },
  )
  fc.assert(
    fc.property(bytes, fc.boolean(), (all, isFixed) => {
      let end = 0
      for (const [at] of scan(all, isFixed)) {
        expect(at).toBeGreaterThanOrEqual(end)
        end = at + 4
      }
      expect(end).toBeLessThanOrEqual(all.length)
    }),
    { numRuns: 300 },
  )
})
