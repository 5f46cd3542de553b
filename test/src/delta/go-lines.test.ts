import { describe, expect, test } from 'vitest'
import { readGoLines } from '../../../src/delta/go-lines.ts'
import { form } from '../../../src/delta/reference-list.ts'
import type { Region } from '../../../src/delta/region.ts'

const address = 0x50_0000
const text = 0x40_1000
const [names, units, lines, table] = [72, 100, 120, 200]
const functionBytes = 44

/** A table of two functions, the second with two tables of lines (runtime/symtab.go, `pcHeader`, `_func`). */
function makeTable(change: (bytes: Buffer) => void = () => undefined): Buffer {
  const bytes = Buffer.alloc(400)
  bytes.writeUInt32LE(0xffff_fff1, 0)
  bytes[7] = 8
  for (const [index, value] of [2, 0, text, names, units, 0, lines, table].entries()) {
    bytes.writeBigUInt64LE(BigInt(value), 8 + index * 8)
  }
  const functions = table + 20
  bytes.writeUInt32LE(0, table)
  bytes.writeUInt32LE(functions - table, table + 4)
  bytes.writeUInt32LE(0x40, table + 8)
  bytes.writeUInt32LE(functions + functionBytes - table, table + 12)
  bytes.writeUInt32LE(0x80, table + 16)
  bytes.writeUInt32LE(2, functions + functionBytes + 28)
  change(bytes)
  return bytes
}

function read(bytes: Buffer, at: number | undefined = address) {
  const region = { offset: 0x1000, length: bytes.length, address: at } as Region
  const { offsets, forms, extras } = readGoLines(region, () => bytes)
  return Array.from(offsets, (offset, index) => ({
    at: offset - 0x1000,
    form: forms[index],
    base: extras?.[index],
  }))
}

test('where functions start, and where what is known of them lies, are counted from their tables', () => {
  const found = read(makeTable())
  expect(found.every((one) => one.form === form.fromBase)).toBe(true)
  const first = table + 20
  const second = first + functionBytes
  const ofFunction = (at: number) => [
    [at, text],
    [at + 4, address + names],
    [at + 16, address + lines],
    [at + 20, address + lines],
    [at + 24, address + lines],
    [at + 32, address + units],
  ]
  expect(found.map(({ at, base }) => [at, base])).toEqual([
    [table, text],
    [table + 4, address + table],
    [table + 8, text],
    [table + 12, address + table],
    [table + 16, text],
    ...ofFunction(first),
    ...ofFunction(second),
    [second + functionBytes, address + lines],
    [second + functionBytes + 4, address + lines],
  ])
})

describe('is left alone', () => {
  test.each<[string, Buffer, number | undefined]>([
    ['another version', makeTable((bytes) => bytes.fill(0xfa, 0, 1)), address],
    ['32-bit pointers', makeTable((bytes) => bytes.fill(4, 7, 8)), address],
    ['what is too short', makeTable().subarray(0, 71), address],
    [
      'what has more functions than bytes',
      makeTable((bytes) => bytes.writeBigUInt64LE(2n ** 63n, 8)),
      address,
    ],
    ['a table behind the end', makeTable((bytes) => bytes.writeBigUInt64LE(390n, 64)), address],
  ])('%s', (_, bytes, at) => {
    expect(read(bytes, at)).toEqual([])
  })

  test('what is not loaded', () => {
    const region = { offset: 0, length: 400, address: undefined } as Region
    expect(readGoLines(region, () => expect.unreachable()).offsets).toHaveLength(0)
  })

  test.each<[string, (bytes: Buffer) => void]>([
    ['a function before the table is over', (bytes) => bytes.writeUInt32LE(0, table + 4)],
    ['a function behind the end', (bytes) => bytes.writeUInt32LE(1000, table + 4)],
  ])('all behind %s', (_, change) => {
    expect(read(makeTable(change))).toHaveLength(5)
  })
})
