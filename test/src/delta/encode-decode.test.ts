import { describe, expect, test } from 'vitest'
import { joinViews, viewBytes, type ContentView } from '../../../src/delta/content-view.ts'
import { DeltaDecoder } from '../../../src/delta/decode-delta.ts'
import { listStreams, readersOf } from '../../../src/delta/delta-streams.ts'
import { encodeWhole } from '../../../src/delta/encode-delta.ts'
import { stepBytes } from '../../../src/delta/limits.ts'
import { decodePair, encodePair, storeDelta, type StoredDelta } from '../../support/delta-round-trip.ts'
import { Random } from '../../support/random.ts'
import { buildProgram, makeProgram, rebuild } from '../../support/synthetic-program.ts'

const random = new Random(11)

function bytesOf({ parts }: StoredDelta): number {
  return parts.reduce((sum, { streams }) => sum + streams.reduce((all, stream) => all + stream.length, 0), 0)
}

test('a content without basis is literal, step by step', () => {
  const target = random.bytes(stepBytes + 10)
  const delta = storeDelta(encodeWhole(viewBytes(target), 100))
  expect(delta.head).toEqual({ copies: 0, predicted: false })
  expect(delta.parts.map(({ targetBytes }) => targetBytes)).toEqual([stepBytes, 10])
  expect(Buffer.compare(decodePair(delta, target.length, []), target)).toBe(0)
})

test('an equal content is one copy and nothing else', () => {
  const basis = random.bytes(100_000)
  const delta = encodePair({ target: basis, bases: [basis] }, 1 << 20)
  expect(delta.head.copies).toBe(1)
  expect(bytesOf(delta)).toBeLessThan(12)
})

test('nothing becomes nothing', () => {
  for (const bases of [[], [new Uint8Array()], [random.bytes(10)]]) {
    const delta = encodePair({ target: new Uint8Array(), bases }, 1)
    expect(decodePair(delta, 0, bases)).toHaveLength(0)
  }
})

test('the same input gives the same bytes', () => {
  const program = makeProgram(random)
  const pair = { target: buildProgram(rebuild(program, random)), bases: [buildProgram(program)] }
  expect(encodePair(pair, 500)).toEqual(encodePair(pair, 500))
})

test('parts are about as large as wanted, whatever is in them', () => {
  const basis = random.bytes(3 * stepBytes)
  const target = Uint8Array.from(basis)
  for (let at = 0; at < target.length; at += 3) target[at] = 7
  const partBytes = stepBytes
  const { parts } = encodePair({ target, bases: [basis] }, partBytes)
  expect(parts.length).toBeGreaterThan(1)
  for (const part of parts)
    expect(bytesOf({ head: { copies: 0, predicted: false }, parts: [part] })).toBeLessThan(
      partBytes + 2 * stepBytes,
    )
})

test('a program whose functions moved takes far less with its references foreseen', () => {
  const drawn = new Random(2)
  const program = { ...makeProgram(drawn, 400), machine: 'x86-64' as const, type: 'shared' as const }
  const moved = { ...program, order: [...program.order.slice(200), ...program.order.slice(0, 200)] }
  const [basis, target] = [buildProgram(program), buildProgram(moved)]
  const asBytes = (file: Buffer): Buffer => Buffer.from(file).fill(0, 0, 4)
  const foreseen = bytesOf(encodePair({ target, bases: [basis] }, 1 << 20))
  const plain = bytesOf(encodePair({ target: asBytes(target), bases: [asBytes(basis)] }, 1 << 20))
  expect(foreseen).toBeLessThan(plain / 4)
})

describe('the decoder', () => {
  const basis = buildProgram(makeProgram(random))
  const target = Buffer.concat([basis.subarray(300), random.bytes(50), basis.subarray(0, 400)])
  const delta = encodePair({ target, bases: [basis] }, 200)

  /** Decodes with `view` as the basis; gives what was written, and how far each stream was read. */
  function decode(view: ContentView, blind: boolean): { written: number; remaining: number[][] } {
    let decoder: DeltaDecoder | undefined
    let written = 0
    const remaining = delta.parts.map(({ targetBytes, streams }) => {
      const readers = readersOf(streams)
      decoder ??= new DeltaDecoder({ length: target.length, head: delta.head, basis: view, blind }, readers)
      decoder.decodePart(targetBytes, readers, (bytes) => (written += bytes.length))
      return listStreams(readers).map((reader) => reader.remaining)
    })
    return { written, remaining }
  }

  test('reads the streams to their ends, with the basis or blind', () => {
    const zeros = { length: basis.length, readAt: (_: number, length: number) => new Uint8Array(length) }
    const seeing = decode(viewBytes(basis), false)
    expect(seeing.remaining.flat().every((rest) => rest === 0)).toBe(true)
    expect(decode(zeros, true)).toEqual(seeing)
  })

  test('looks at nothing outside of its basis', () => {
    const watched: ContentView = {
      length: basis.length,
      readAt: (offset, length) => {
        expect(offset).toBeGreaterThanOrEqual(0)
        expect(length).toBeGreaterThanOrEqual(0)
        return basis.subarray(offset, offset + length)
      },
    }
    expect(decode(watched, false).written).toBe(target.length)
  })

  test('refuses to make more than it was told of', () => {
    const readers = readersOf(delta.parts[0]?.streams ?? [])
    const decoder = new DeltaDecoder(
      { length: target.length, head: delta.head, basis: viewBytes(basis) },
      readers,
    )
    expect(() => decoder.decodePart(target.length + 1, readers, () => undefined)).toThrow(
      /makes \d+ bytes of/,
    )
  })

  test('says so when the basis is shorter than it says', () => {
    const shrunk = {
      length: basis.length,
      readAt: (offset: number, length: number) => basis.subarray(offset, Math.min(200, offset + length)),
    }
    expect(() => decode(shrunk, false)).toThrow(expect.objectContaining({ name: 'DeltaError' }) as Error)
    const joined = joinViews([{ ...shrunk, length: 300 }, viewBytes(basis.subarray(300))])
    expect(() => decode(joined, false)).toThrow(expect.objectContaining({ name: 'DeltaError' }) as Error)
  })
})
