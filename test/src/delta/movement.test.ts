import { describe, expect, test } from 'vitest'
import { viewBytes } from '../../../src/delta/content-view.ts'
import type { Copy } from '../../../src/delta/copy.ts'
import { readElf, type Executable } from '../../../src/delta/elf.ts'
import { moveAddresses, moveOffsets } from '../../../src/delta/movement.ts'
import { elfFile, sectionFlag, sectionType } from '../../support/elf-file.ts'

function copy(basis: number, target: number, length: number): Copy {
  return { basis, target, length }
}

describe('an offset', () => {
  test('moves with the copy that covers it, or the one before', () => {
    const map = moveOffsets([copy(100, 300, 50), copy(200, 0, 10)])
    expect([100, 149, 150, 199, 200, 209, 5000].map((at) => map.shiftAt(at))).toEqual([
      200, 200, 200, 200, -200, -200, -200,
    ])
    expect(map.shiftAt(0)).toBe(200)
  })

  test('moves with the longest of several copies', () => {
    const map = moveOffsets([copy(0, 1000, 100), copy(50, 0, 20), copy(60, 5000, 1000)])
    expect([0, 55, 99, 100, 1059].map((at) => map.shiftAt(at))).toEqual([1000, 1000, 4940, 4940, 4940])
    expect(moveOffsets([copy(0, 0, 10), copy(0, 500, 100)]).shiftAt(5)).toBe(500)
  })

  test('stays where nothing is copied', () => {
    expect(moveOffsets([]).map(77)).toBe(77)
  })
})

const { alloc, code, write } = sectionFlag
const { progbits, nobits } = sectionType

/** .text of 64 bytes at offset 64 and 0x1000, .data of 32 at 128 and 0x2000, .bss at 0x3000, .loose at offset 160. */
const executable = readElf(
  viewBytes(
    elfFile('shared', 'x86-64', [
      { name: '.text', type: progbits, flags: alloc | code, address: 0x1000, bytes: new Uint8Array(64) },
      { name: '.data', type: progbits, flags: alloc | write, address: 0x2000, bytes: new Uint8Array(32) },
      { name: '.bss', type: nobits, flags: alloc | write, address: 0x3000, bytes: 64 },
      { name: '.loose', type: progbits, bytes: new Uint8Array(32) },
    ]),
  ).readAt,
) as Executable

function biases(...byRegion: readonly number[]): Float64Array {
  const all = new Float64Array(executable.regions.length)
  all.set(byRegion, 1)
  return all
}

describe('an address', () => {
  const copies = [copy(64, 64, 32), copy(96, 106, 32), copy(128, 150, 32)]

  test('moves as its offset does, and as its section does', () => {
    const map = moveAddresses(copies, executable, biases(0x100, -0x10, 0x77), [])
    expect([0x1000, 0x101f, 0x1020, 0x103f].map((at) => map.shiftAt(at))).toEqual([
      0x100, 0x100, 0x10a, 0x10a,
    ])
    expect(map.shiftAt(0x2000)).toBe(22 - 0x10)
    expect(map.shiftAt(0x3000)).toBe(0x77)
    expect(map.shiftAt(0x3040)).toBe(0x77)
  })

  test('moves otherwise where an exception says so, and only there', () => {
    const exceptions = [
      { start: 0x1010, length: 0x18, shift: 5 },
      { start: 0x3008, length: 8, shift: -9 },
    ]
    const map = moveAddresses(copies, executable, biases(0, 0, 1), exceptions)
    expect([0x100f, 0x1010, 0x1027, 0x1028].map((at) => map.shiftAt(at))).toEqual([0, 5, 5, 10])
    expect([0x3007, 0x3008, 0x300f, 0x3010].map((at) => map.shiftAt(at))).toEqual([1, -9, -9, 1])
  })

  test('is known once, where sections lie over each other in memory or in the file', () => {
    const [, text] = executable.regions
    if (text === undefined) throw new Error('no text')
    const over = Array.from({ length: 50 }, (_, index) => ({
      ...text,
      section: 6 + index,
      address: 0x9000 + index * 64,
    }))
    const crowded = { ...executable, regions: [...executable.regions, ...over] }
    const map = moveAddresses(copies, crowded, new Float64Array(60), [])
    expect(map.pieces).toBeLessThan(8)
  })
})
