import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../../src/delta/byte-writer.ts'
import { viewBytes } from '../../../src/delta/content-view.ts'
import { readElf, type Executable } from '../../../src/delta/elf.ts'
import { findBiases, readLayout, skipLayout, writeLayout, type Layout } from '../../../src/delta/layout.ts'
import { maxExceptions } from '../../../src/delta/limits.ts'
import { elfFile, sectionFlag, sectionType, type ElfType } from '../../support/elf-file.ts'

const { alloc, code, write } = sectionFlag
const { progbits, nobits } = sectionType

function build(type: ElfType, textBytes: number, text: number, bss: number, name = '.text'): Executable {
  const bytes = new Uint8Array(textBytes)
  const file = elfFile(type, 'x86-64', [
    { name: '.first', type: progbits, bytes: new Uint8Array(32) },
    { name, type: progbits, flags: alloc | code, address: text, bytes },
    { name: '.bss', type: nobits, flags: alloc | write, address: bss, bytes: 64 },
  ])
  return readElf(viewBytes(file).readAt) as Executable
}

const basis = build('shared', 64, 0x1000, 0x3000)

test('the bias of a section is what its address moved more than its offset', () => {
  const bigger = build('shared', 128, 0x1400, 0x3333)
  expect([...findBiases(basis, bigger)]).toEqual([0, 0, 0x400, 0x333, 0])
  expect([...findBiases(basis, build('shared', 64, 0x1400, 0x3000, '.renamed'))]).toEqual([0, 0, 0, 0, 0])
})

const exceptions = fc
  .array(fc.record({ gap: fc.nat(1e9), length: fc.integer({ min: 1, max: 1e6 }), shift: fc.integer() }), {
    maxLength: 20,
  })
  .map((all) => {
    let end = 0
    return all.map(({ gap, length, shift }) => {
      const start = end + gap
      end = start + length
      return { start, length, shift }
    })
  })
const types = fc.record({
  baseTypes: fc.integer(),
  baseStrings: fc.integer(),
  newTypes: fc.array(fc.integer()),
})

test('a layout is what its bytes say, and can be passed over without its basis', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer(),
      exceptions,
      fc.option(types, { nil: undefined }),
      (text, bss, all, typed) => {
        const layout: Layout = {
          biases: Float64Array.of(0, 0, text, bss, 0),
          exceptions: all,
          sections: undefined,
          types: typed,
        }
        const writer = new ByteWriter()
        writeLayout(layout, basis, writer)
        writer.byte(77)
        const reader = new ByteReader(writer.written(), 'stream')
        expect(readLayout(basis, reader)).toEqual(layout)
        expect(reader.byte()).toBe(77)
        const skipping = new ByteReader(writer.written(), 'stream')
        skipLayout(skipping)
        expect(skipping.byte()).toBe(77)
      },
    ),
    { numRuns: 60 },
  )
})

describe('is refused', () => {
  function read(...numbers: readonly number[]): void {
    const fields = new ByteWriter()
    for (const number of numbers) fields.unsigned(number)
    const writer = new ByteWriter()
    writer.unsigned(fields.length)
    writer.bytes(fields.written())
    readLayout(basis, new ByteReader(writer.written(), 'stream'))
  }

  test('more exceptions than there may be, before any is read', () => {
    expect(() => read(0, 0, maxExceptions + 1)).toThrow(
      expect.objectContaining({ code: 'DELTA_TOO_LARGE' }) as Error,
    )
  })

  test('a layout that ends too early, or is longer than what it lies in', () => {
    expect(() => read(0)).toThrow(/layout ends inside/)
    expect(() => read(0, 0, 2, 1, 1, 1)).toThrow(/layout ends inside/)
    expect(() => readLayout(basis, new ByteReader(Uint8Array.of(5, 0), 'stream'))).toThrow(
      /4 bytes too early/,
    )
  })
})
