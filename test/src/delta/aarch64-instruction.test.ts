import { describe, expect, test } from 'vitest'
import {
  baseRegister,
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
} from '../../../src/delta/aarch64-instruction.ts'

type Read = (word: number) => number
type Write = (word: number, value: number) => number

// Encodings by the Arm Architecture Reference Manual, C6.2; two assemblers agree.
const distances: [string, number, Read, Write, number][] = [
  ['b #-8', 0x17fffffe, readDistance26, writeDistance26, -8],
  ['bl #134217724', 0x95ffffff, readDistance26, writeDistance26, 2 ** 27 - 4],
  ['b #-134217728', 0x16000000, readDistance26, writeDistance26, -(2 ** 27)],
  ['b.eq #-4', 0x54ffffe0, readDistance19, writeDistance19, -4],
  ['cbz x3, #1048572', 0xb47fffe3, readDistance19, writeDistance19, 2 ** 20 - 4],
  ['cbnz w5, #-1048576', 0x35800005, readDistance19, writeDistance19, -(2 ** 20)],
  ['ldr x0, #8', 0x58000040, readDistance19, writeDistance19, 8],
  ['ldrsw x1, #-4', 0x98ffffe1, readDistance19, writeDistance19, -4],
  ['ldr q2, #16', 0x9c000082, readDistance19, writeDistance19, 16],
  ['tbz w5, #0, #112', 0x36000385, readDistance14, writeDistance14, 112],
  ['tbz w0, #1, #32764', 0x360bffe0, readDistance14, writeDistance14, 2 ** 15 - 4],
  ['tbnz x7, #63, #-32768', 0xb7fc0007, readDistance14, writeDistance14, -(2 ** 15)],
  ['adr x9, #5', 0x30000029, readImmediate21, writeImmediate21, 5],
  ['adr x1, #1048575', 0x707fffe1, readImmediate21, writeImmediate21, 2 ** 20 - 1],
  ['adr x9, #-1048576', 0x10800009, readImmediate21, writeImmediate21, -(2 ** 20)],
  ['adrp x4, #4091904', 0xf0001f24, readImmediate21, writeImmediate21, 4091904 / 4096],
  ['adrp x30, #-4096', 0xf0fffffe, readImmediate21, writeImmediate21, -1],
  ['adrp x2, #-4294967296', 0x90800002, readImmediate21, writeImmediate21, -(2 ** 20)],
  ['add x4, x4, #2912', 0x912d8084, readLow12, writeLow12, 2912],
  ['ldr x8, [x8, #32760]', 0xf97ffd08, readLow12, writeLow12, 32760],
  ['ldrb w8, [x9, #4095]', 0x397ffd28, readLow12, writeLow12, 4095],
  ['ldrh w8, [x9, #2]', 0x79400528, readLow12, writeLow12, 2],
  ['ldrsw x8, [x9, #4]', 0xb9800528, readLow12, writeLow12, 4],
  ['str q1, [x2, #4080]', 0x3d83fc41, readLow12, writeLow12, 4080],
  ['ldr q1, [x2, #16]', 0x3dc00441, readLow12, writeLow12, 16],
  ['ldr d1, [x2, #8]', 0xfd400441, readLow12, writeLow12, 8],
  ['ldr s1, [x2, #4]', 0xbd400441, readLow12, writeLow12, 4],
  ['ldr h1, [x2, #2]', 0x7d400441, readLow12, writeLow12, 2],
  ['ldr b1, [x2, #1]', 0x3d400441, readLow12, writeLow12, 1],
  ['prfm pldl1keep, [x2, #8]', 0xf9800440, readLow12, writeLow12, 8],
]

describe.each(distances)('%s', (_, word, read, write, value) => {
  test('says where it leads', () => {
    expect(read(word | 0)).toBe(value)
  })

  test('is written again from anywhere else', () => {
    const elsewhere = write(word | 0, 0)
    expect(read(elsewhere)).toBe(0)
    expect(write(elsewhere, value) >>> 0).toBe(word)
  })
})

test.each([
  ['add x4, x4, #2912', 0x912d8084, 4],
  ['ldr x8, [x9]', 0xf9400128, 9],
  ['str q1, [x2, #16]', 0x3d800441, 2],
])('%s takes the low bits of an address', (_, word, register) => {
  expect(takesLow12(word | 0)).toBe(true)
  expect(baseRegister(word | 0)).toBe(register)
})

test.each([
  ['add x4, x4, #1, lsl #12', 0x91400484],
  ['add w4, w4, #1', 0x11000484],
  ['sub x4, x4, #1', 0xd1000484],
  ['ldur x0, [x2, #8]', 0xf8408040],
  ['ldp x0, x1, [x2, #16]', 0xa9410440],
  ['ldr x0, [x1, #8]!', 0xf8408c20],
])('%s does not', (_, word) => {
  expect(takesLow12(word | 0)).toBe(false)
})

test('only adrp gives a page', () => {
  expect([0xf0001f24, 0x90000000, 0x30000029, 0x912d8084].map((word) => isPageAddress(word | 0))).toEqual([
    true,
    true,
    false,
    false,
  ])
})
