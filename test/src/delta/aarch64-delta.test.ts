import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { viewBytes } from '../../../src/delta/content-view.ts'
import { DeltaDecoder } from '../../../src/delta/decode-delta.ts'
import { listStreams, readersOf } from '../../../src/delta/delta-streams.ts'
import { encodeDelta } from '../../../src/delta/encode-delta.ts'
import { counterStream } from '../../support/byte-recipes.ts'
import { buildProgram, type Datum, type Program, type Routine } from './aarch64-program.ts'

interface Encoded {
  readonly predicted: boolean
  /** In bytes: where copies of the basis are not the target, and what is no copy. */
  readonly differences: number
  readonly literals: number
  readonly decoded: Buffer
}

function encode(target: Buffer, basis: Buffer): Encoded {
  const delta = encodeDelta(viewBytes(target), viewBytes(basis), 1 << 20)
  const parts = Array.from(delta.parts, ({ targetBytes, streams }) => ({
    targetBytes,
    differences: streams.differences.length,
    literals: streams.literals.length,
    readers: readersOf(listStreams(streams).map((writer) => Uint8Array.from(writer.written()))),
  }))
  const [first] = parts
  if (first === undefined) throw new Error('there is no first part')
  const decoder = new DeltaDecoder(
    { length: target.length, head: delta.head, basis: viewBytes(basis) },
    first.readers,
  )
  const decoded: Buffer[] = []
  for (const { targetBytes, readers } of parts) {
    decoder.decodePart(targetBytes, readers, (bytes) => decoded.push(Buffer.from(bytes)))
  }
  return {
    predicted: delta.head.predicted,
    differences: parts.reduce((sum, part) => sum + part.differences, 0),
    literals: parts.reduce((sum, part) => sum + part.literals, 0),
    decoded: Buffer.concat(decoded),
  }
}

/** `movz` of noise into x0: nothing that refers to anything. */
function fillers(seed: string, count: number): number[] {
  const noise = counterStream(seed, count * 2)
  return Array.from({ length: count }, (_, index) => 0xd280_0000 + noise.readUInt16LE(index * 2) * 2 ** 5)
}

function routine(name: string, size: number, calls: readonly string[], reads: readonly string[]): Routine {
  return { name, words: fillers(name, size), calls, reads }
}

function datum(name: string, bytes: number): Datum {
  return { name, bytes: counterStream(name, bytes) }
}

/** Every routine calls two others and reads two data, by a rule that leads all over the program. */
function web(count: number, size: number): Program {
  const routines = Array.from({ length: count }, (_, index) =>
    routine(
      `f${index}`,
      size,
      [`f${(index * 7 + 3) % count}`, `f${(index * 31 + 5) % count}`],
      [`d${(index * 11 + 1) % count}`, `d${(index * 17 + 2) % count}`],
    ),
  )
  return {
    routines,
    data: Array.from({ length: count }, (_, index) => datum(`d${index}`, 40 + (index % 5) * 16)),
  }
}

describe('a program in which all moved', () => {
  const basis = web(300, 8)
  const target = {
    routines: [routine('new', 500, [], []), ...basis.routines],
    data: [...basis.data.slice(0, 100), datum('added', 1000), ...basis.data.slice(100)],
  }

  test('is foreseen, but for what is new', () => {
    const wanted = buildProgram(target)
    const encoded = encode(wanted, buildProgram(basis))
    expect(encoded.predicted).toBe(true)
    expect(encoded.decoded.equals(wanted)).toBe(true)
    // 1,200 references moved; the headers and a few bytes around what is new did not move as foreseen.
    expect(encoded.differences).toBeLessThan(40)
    expect(encoded.literals).toBeLessThan(2000 + 1004 + 100)
  })

  test('is foreseen although its routines changed places', () => {
    const turned = { ...target, routines: [...target.routines.slice(150), ...target.routines.slice(0, 150)] }
    const wanted = buildProgram(turned)
    const encoded = encode(wanted, buildProgram(basis))
    expect(encoded.decoded.equals(wanted)).toBe(true)
    expect(encoded.differences).toBeLessThan(40)
  })
})

test('pairs are foreseen on either side of a step, and the one that it tears is decoded as it was', () => {
  // More than a step of 1 MiB in one copy; with so many words before the pairs, one of them lies over its end.
  const before = 11
  const readers = Array.from({ length: 4400 }, (_, index) =>
    routine(
      `f${index}`,
      50,
      [],
      [0, 1, 2, 3, 4, 5].map((read) => `d${(index * 7 + read * read) % 50}`),
    ),
  )
  const data = Array.from({ length: 50 }, (_, index) => datum(`d${index}`, 64))
  const both = (inserted: number): Program => ({
    routines: [routine('first', inserted, [], []), routine('second', before, [], []), ...readers],
    data,
  })
  const wanted = buildProgram(both(0))
  const encoded = encode(wanted, buildProgram(both(300)))
  expect(encoded.decoded.equals(wanted)).toBe(true)
  expect(encoded.differences).toBeLessThan(40)
})

const edits = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    removed: fc.nat(200),
    added: fc.uint8Array({ maxLength: 200 }),
  }),
  { maxLength: 8 },
)

test('what was changed at random, headers and all, is decoded as it was', () => {
  const basis = buildProgram(web(60, 3))
  fc.assert(
    fc.property(edits, edits, (before, after) => {
      const apply = (content: Buffer, changes: typeof before): Buffer =>
        changes.reduce((bytes, { at, removed, added }) => {
          const start = Math.floor(at * bytes.length)
          return Buffer.concat([bytes.subarray(0, start), added, bytes.subarray(start + removed)])
        }, content)
      // The section table stays at the end in many of them, so that the code is still read as such.
      const broken = apply(basis, before)
      const wanted = apply(basis, after)
      for (const [target, from] of [
        [wanted, basis],
        [basis, broken],
        [wanted, broken],
      ] as const) {
        expect(encode(target, from).decoded.equals(target)).toBe(true)
      }
    }),
    { numRuns: 30 },
  )
})

test('code changed at random under sound headers is decoded as it was', () => {
  const basis = buildProgram(web(60, 3))
  const patches = fc.array(
    fc.tuple(fc.integer({ min: 0x1000, max: basis.length - 500 }), fc.nat(2 ** 32 - 1)),
    {
      maxLength: 100,
    },
  )
  fc.assert(
    fc.property(patches, patches, (before, after) => {
      const apply = (changes: typeof before): Buffer => {
        const changed = Buffer.from(basis)
        for (const [at, word] of changes) changed.writeUInt32LE(word, at)
        return changed
      }
      const target = apply(after)
      const encoded = encode(target, apply(before))
      expect(encoded.predicted).toBe(true)
      expect(encoded.decoded.equals(target)).toBe(true)
    }),
    { numRuns: 30 },
  )
})
