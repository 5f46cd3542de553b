import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { readBtf } from '../../../src/delta/btf.ts'
import type { Btf } from '../../../src/delta/btf.ts'
import { form } from '../../../src/delta/reference-list.ts'
import type { Region } from '../../../src/delta/region.ts'
import { buildTypes } from './module-program.ts'

const kernel = {
  types: new Map([['int', 7]]),
  strings: new Map([['argument', 300]]),
  typeCount: 5000,
  stringBytes: 40_000,
  checksums: new Map<string, number>(),
}

const section = buildTypes(
  [
    { name: 'device', kind: 'structure', uses: ['int', 'device*'] },
    { name: 'device*', kind: 'pointer', uses: ['device'] },
    { name: 'open', kind: 'function', uses: ['device*', 'int'] },
  ],
  kernel,
)

function read(bytes: Uint8Array, offset = 0): Btf {
  const region: Region = {
    section: 1,
    name: '.BTF',
    kind: 'btf',
    offset,
    length: bytes.length,
    address: undefined,
    addressLength: bytes.length,
    link: 0,
    info: 0,
    alignment: 1,
  }
  return readBtf(region, (at, length) => bytes.subarray(at - offset, at - offset + length))
}

test('tells where the base ends', () => {
  const btf = read(section)
  expect(btf.firstType).toBe(kernel.typeCount)
  expect(btf.firstString).toBe(kernel.stringBytes)
})

test('finds types, names and ids, as offsets of the file', () => {
  const btf = read(section, 1000)
  // A structure of two members, a pointer, a prototype of two arguments, a function.
  expect([...btf.types]).toEqual([1024, 1060, 1072, 1100])
  const fields = Array.from(btf.offsets, (at, index) => [at, btf.forms[index]])
  expect(fields.slice(0, 6)).toEqual([
    [1024, form.typeName],
    [1036, form.typeName],
    [1040, form.typeId],
    [1048, form.typeName],
    [1052, form.typeId],
    [1068, form.typeId],
  ])
})

test('strings are counted from the first', () => {
  const btf = read(section)
  expect(section.toString('latin1', btf.strings, btf.stringsEnd)).toContain('\0device\0')
})

test('whatever it is given, all it finds lies inside', () => {
  const damage = fc.array(fc.tuple(fc.nat(section.length - 1), fc.integer({ min: 0, max: 255 })), {
    maxLength: 12,
  })
  fc.assert(
    fc.property(damage, fc.nat(section.length), (changes, length) => {
      const bytes = Buffer.from(section.subarray(0, length))
      for (const [at, byte] of changes) if (at < length) bytes[at] = byte
      const btf = read(bytes)
      for (const at of btf.offsets) expect(at).toBeLessThanOrEqual(length - 4)
      for (const at of btf.types) expect(at).toBeLessThanOrEqual(length - 12)
      expect(btf.stringsEnd).toBeLessThanOrEqual(length)
    }),
  )
})
