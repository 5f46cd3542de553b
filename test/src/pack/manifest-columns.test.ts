import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeManifest } from '../../../manifests/manifest.ts'
import { PackError } from '../../../src/pack/errors.ts'
import { fromColumns, provedColumns, toColumns } from '../../../src/pack/manifest-columns.ts'
import { maxRepackedBytes } from '../../../src/pack/pack-limits.ts'
import { manifests } from '../../support/format-arbitraries.ts'

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`

/** Lines that mean something to the columns, in and out of order, whole and broken. */
const parts = fc.oneof(
  fc.constantFrom(`"digest":"${digest}"`, `"digest":"${digest}`, '"digest":"sha256:', '"digest":""', digest),
  fc.constantFrom('"offset":', '"offset":-', '"offset":0', '"offset":7', '"offset":-12', '"offset":-0'),
  fc.constantFrom('"offset":99999999999999999', '"offset":9007199254740993', '"offset":007'),
  fc.constantFrom('"size":', '"size":5', '"size":99999999999999999', '"size":0', '"size":09'),
  fc.constantFrom(',', '{', '}', '"', '\n', '\n', '\n', 'x', '\xe9\xff'),
)
const lines = fc.array(parts, { maxLength: 40 }).map((some) => Buffer.from(some.join(''), 'latin1'))

/** The format's section "Manifests in packs", word by word. */
function columnsOf(manifest: Buffer): Buffer {
  const digests: Buffer[] = []
  let end = 0
  const text = manifest.toString('latin1').split('\n')
  const without = text.map((line) => {
    const hex = /"digest":"sha256:([0-9a-f]{64})"/.exec(line)?.[1]
    if (hex === undefined) return line
    digests.push(Buffer.from(hex, 'hex'))
    const empty = line.replace(/"digest":"sha256:[0-9a-f]{64}"/, '"digest":""')
    const offset = /"offset":(-?\d{1,16})/.exec(empty)?.[1]
    if (offset === undefined) return empty
    const moved = empty.replace(/"offset":-?\d{1,16}/, `"offset":${Number(offset) - end}`)
    end = Math.max(end, Number(offset) + Number(/"size":(\d{1,16})/.exec(empty)?.[1] ?? 0))
    return moved
  })
  const head = Buffer.alloc(4)
  head.writeUInt32LE(without.join('\n').length)
  return Buffer.concat([head, Buffer.from(without.join('\n'), 'latin1'), ...digests])
}

function manifestOf(columns: Buffer): Buffer | undefined {
  const textEnd = 4 + columns.readUInt32LE()
  let at = textEnd
  let end = 0
  const text = columns.toString('latin1', 4, textEnd).split('\n')
  const whole = text.map((line) => {
    if (!line.includes('"digest":""')) return line
    const hex = columns.toString('hex', at, at + 32)
    at += 32
    const full = line.replace('"digest":""', `"digest":"sha256:${hex}"`)
    const offset = /"offset":(-?\d{1,16})/.exec(full)?.[1]
    if (offset === undefined) return full
    const moved = Number(offset) + end
    end = Math.max(end, moved + Number(/"size":(\d{1,16})/.exec(full)?.[1] ?? 0))
    return full.replace(/"offset":-?\d{1,16}/, `"offset":${moved}`)
  })
  return at === columns.length ? Buffer.from(whole.join('\n'), 'latin1') : undefined
}

test('a manifest is made of its columns again', () => {
  fc.assert(
    fc.property(manifests, (whole) => {
      const manifest = encodeManifest(whole)
      const columns = provedColumns(manifest)
      expect(columns).toEqual(columnsOf(manifest))
      expect(fromColumns(columns as Uint8Array, manifest.length)).toEqual(manifest)
    }),
    { numRuns: 40 },
  )
})

test('the columns of any bytes are what the format says', () => {
  fc.assert(
    fc.property(lines, (bytes) => {
      expect(toColumns(bytes)).toEqual(columnsOf(bytes))
    }),
    { numRuns: 1000 },
  )
})

test('any columns give what the format says, at its length and at no other', () => {
  fc.assert(
    fc.property(lines, fc.nat({ max: 6 }), fc.integer({ min: -2, max: 2 }), (text, digests, more) => {
      const head = Buffer.alloc(4)
      head.writeUInt32LE(text.length)
      const columns = Buffer.concat([head, text, Buffer.alloc(32 * digests, 0xab)])
      const manifest = manifestOf(columns)
      if (manifest === undefined) {
        expect(() => fromColumns(columns, 1000)).toThrow(PackError)
        return
      }
      expect(fromColumns(columns, manifest.length)).toEqual(manifest)
      const other = Math.max(0, manifest.length + more)
      if (other !== manifest.length) expect(() => fromColumns(columns, other)).toThrow(PackError)
    }),
    { numRuns: 1000 },
  )
})

test('columns that are cut off, or go on, are refused', () => {
  const manifest = Buffer.from(`{"digest":"${digest}","offset":0,"size":3}\n`)
  const columns = Buffer.from(toColumns(manifest) as Uint8Array)
  for (let length = 0; length < columns.length; length++) {
    expect(() => fromColumns(columns.subarray(0, length), manifest.length)).toThrow(PackError)
  }
  expect(() => fromColumns(Buffer.concat([columns, Buffer.alloc(1)]), manifest.length)).toThrow(PackError)
})

test('what is not spelt as Vend does has columns, and is not made of them', () => {
  const manifest = Buffer.from(`{"digest":"${digest}","offset":007,"size":3}\n`)
  expect(toColumns(manifest)).toBeDefined()
  expect(provedColumns(manifest)).toBeUndefined()
})

test('a manifest of more than the limit has none', () => {
  expect(toColumns(Buffer.alloc(maxRepackedBytes + 1))).toBeUndefined()
  expect(toColumns(Buffer.alloc(maxRepackedBytes))).toBeUndefined()
})
