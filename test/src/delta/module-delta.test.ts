import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { viewBytes } from '../../../src/delta/content-view.ts'
import { DeltaDecoder } from '../../../src/delta/decode-delta.ts'
import { DeltaContext } from '../../../src/delta/delta-context.ts'
import { listStreams, readersOf } from '../../../src/delta/delta-streams.ts'
import { encodeDelta } from '../../../src/delta/encode-delta.ts'
import type { Delta } from '../../../src/delta/encode-delta.ts'
import { DeltaError } from '../../../src/delta/errors.ts'
import { counterStream } from '../../support/byte-recipes.ts'
import { buildModule } from './module-program.ts'
import type { Kernel, Module, ModuleType } from './module-program.ts'

const signatureBytes = 512
const kernelTypes = Array.from({ length: 40 }, (_, index) => `kernel_type_${index}`)
const exported = Array.from({ length: 30 }, (_, index) => `kernel_function_${index}`)

/** `shift` of them lie between any two types and strings more than in the other build. */
function buildKernel(shift: number): Kernel {
  return {
    types: new Map(kernelTypes.map((name, index) => [name, 100 + index * (7 + shift)])),
    strings: new Map([['argument', 5000 + shift * 11]]),
    typeCount: 1000 + shift * 65,
    stringBytes: 20_000 + shift * 1234,
    checksums: new Map(
      exported.map((name, index) => [name, Math.imul(index * 2 + 1 + shift * 1000, 0x9e37_79b1) >>> 0]),
    ),
  }
}

const before = buildKernel(0)
const after = buildKernel(1)

/** Blocks of types, which compilers put in any order. */
function blocksOf(name: string): ModuleType[][] {
  return Array.from({ length: 3 }, (_, block) =>
    Array.from({ length: 12 }, (_unused, index): ModuleType[] => {
      const own = `${name}_${block}_${index}`
      const kernelType = kernelTypes[(block * 12 + index) % kernelTypes.length] as string
      const more = kernelTypes.slice(index, index + ((block * 5 + index * 7) % 6))
      return [
        { name: own, kind: 'structure', uses: [kernelType, `${own}*`, ...more] },
        { name: `${own}*`, kind: 'pointer', uses: [own] },
        { name: `${own}_open`, kind: 'function', uses: [`${own}*`, kernelType] },
      ]
    }).flat(),
  )
}

/** Letters, for each number others. */
function wordOf(index: number): string {
  return counterStream(`word ${index}`, 6 + (index % 5))
    .toString('hex')
    .replaceAll(/\d/gu, 'x')
}

function moduleOf(blocks: readonly ModuleType[][], counter: number, signedBy: string): Module {
  return {
    types: blocks.flat(),
    imports: exported,
    symbols: Array.from({ length: 60 }, (_, index) => `__UNIQUE_ID_${wordOf(index)}${counter + index}`),
    code: counterStream('code', 4096),
    signature: counterStream(signedBy, signatureBytes),
  }
}

function build(name: string): { basis: Buffer; target: Buffer } {
  const [a, b, c] = blocksOf(name) as [ModuleType[], ModuleType[], ModuleType[]]
  return {
    basis: buildModule(moduleOf([a, b, c], 300, 'first'), before),
    target: buildModule(moduleOf([b, c, a], 305, 'second'), after),
  }
}

interface Encoded {
  readonly head: Delta['head']
  readonly parts: readonly { readonly targetBytes: number; readonly streams: Uint8Array[] }[]
  /** In bytes: where copies are not the target, and what is no copy. */
  readonly changed: number
}

function encode(target: Buffer, basis: Buffer, context?: DeltaContext): Encoded {
  const delta = encodeDelta(viewBytes(target), viewBytes(basis), 1 << 20, context)
  let changed = 0
  const parts = Array.from(delta.parts, ({ targetBytes, streams }) => {
    changed += streams.differences.length + streams.literals.length
    return { targetBytes, streams: listStreams(streams).map((writer) => Uint8Array.from(writer.written())) }
  })
  return { head: delta.head, parts, changed }
}

function decode(encoded: Encoded, length: number, basis: Buffer, context?: DeltaContext): Buffer {
  const readers = encoded.parts.map(({ streams }) => readersOf(streams))
  const [first] = readers
  if (first === undefined) throw new Error('there is no first part')
  const decoder = new DeltaDecoder({ length, head: encoded.head, basis: viewBytes(basis), context }, first)
  const decoded: Buffer[] = []
  for (const [index, { targetBytes }] of encoded.parts.entries()) {
    decoder.decodePart(targetBytes, readers[index] ?? first, (bytes) => decoded.push(Buffer.from(bytes)))
  }
  return Buffer.concat(decoded)
}

const one = build('alpha')
const two = build('beta')

describe('a module built again for another build of its kernel', () => {
  test('is what it was', () => {
    const encoded = encode(one.target, one.basis)
    expect(decode(encoded, one.target.length, one.basis).equals(one.target)).toBe(true)
  })

  test('costs little more than its signature and what is new in the kernel', () => {
    const news = kernelTypes.length * 4 + exported.length * 4
    expect(encode(one.target, one.basis).changed).toBeLessThan(signatureBytes + news + 200)
  })

  test('costs only its signature once the kernel is known', () => {
    const context = new DeltaContext()
    encode(one.target, one.basis, context)
    expect(encode(two.target, two.basis, context).changed).toBeLessThan(signatureBytes + 40)
  })

  test('is made by a decoder that has learned the same', () => {
    const learned = new DeltaContext()
    const deltas = [one, two].map(({ target, basis }) => encode(target, basis, learned))
    const context = new DeltaContext()
    for (const [index, { target, basis }] of [one, two].entries()) {
      expect(decode(deltas[index] as Encoded, target.length, basis, context).equals(target)).toBe(true)
    }
  })

  test('is as long, but wrong, for one that has not', () => {
    const context = new DeltaContext()
    encode(one.target, one.basis, context)
    const decoded = decode(encode(two.target, two.basis, context), two.target.length, two.basis)
    expect(decoded).toHaveLength(two.target.length)
    expect(decoded.equals(two.target)).toBe(false)
  })
})

describe('any two modules', () => {
  const builds = fc.record({
    order: fc.shuffledSubarray([0, 1, 2], { minLength: 0, maxLength: 3 }),
    counter: fc.integer({ min: 90, max: 10_010 }),
    shift: fc.integer({ min: -3, max: 9 }),
  })

  test('come back', () => {
    fc.assert(
      fc.property(builds, builds, (from, to) => {
        const [basis, target] = [from, to].map(({ order, counter, shift }, index) => {
          const blocks = blocksOf('gamma')
          const chosen = order.map((block) => blocks[block] as ModuleType[])
          return buildModule(moduleOf(chosen, counter, `build ${index}`), buildKernel(shift))
        }) as [Buffer, Buffer]
        expect(decode(encode(target, basis), target.length, basis).equals(target)).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  test('come back from bases that only look like modules', () => {
    const damage = fc.array(fc.tuple(fc.nat(one.basis.length - 600), fc.integer({ min: 0, max: 255 })), {
      maxLength: 40,
    })
    fc.assert(
      fc.property(damage, (changes) => {
        const basis = Buffer.from(one.basis)
        for (const [at, byte] of changes) basis[at] = byte
        expect(decode(encode(one.target, basis), one.target.length, basis).equals(one.target)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('come back though one name of a counter is inside another', () => {
    const [basis, target] = [300, 305].map((counter) => {
      const module = moduleOf([], counter, 'signed')
      return buildModule({ ...module, symbols: module.symbols.map((name) => `__UNIQUE_ID_${name}`) }, before)
    }) as [Buffer, Buffer]
    const encoded = encode(target, basis)
    expect(decode(encoded, target.length, basis).equals(target)).toBe(true)
    expect(encoded.changed).toBeLessThan(20)
  })

  test('damaged deltas give wrong bytes or a DeltaError', () => {
    const encoded = encode(one.target, one.basis)
    const change = fc.tuple(fc.nat(7), fc.nat(5000), fc.integer({ min: 1, max: 255 }))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const parts = encoded.parts.map(({ targetBytes, streams }) => ({
          targetBytes,
          streams: streams.map((stream) => Uint8Array.from(stream)),
        }))
        for (const [stream, at, by] of changes) {
          const bytes = parts[0]?.streams[stream]
          if (bytes !== undefined && bytes.length > 0)
            bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ by
        }
        try {
          expect(decode({ ...encoded, parts }, one.target.length, one.basis)).toHaveLength(one.target.length)
        } catch (error) {
          expect(error).toBeInstanceOf(DeltaError)
        }
      }),
      { numRuns: 150 },
    )
  })
})
