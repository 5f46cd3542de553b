import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBundle, encodeBundle } from '../../../src/transparency/entry-bundle.ts'
import { entriesPath, partialTiles, tilePath, tileWith } from '../../../src/transparency/tile.ts'

test('paths are those of the specification', () => {
  expect(tilePath({ level: 0, index: 1_234_067, width: 256 })).toBe('tile/0/x001/x234/067')
  expect(tilePath({ level: 2, index: 0, width: 1 })).toBe('tile/2/000.p/1')
  expect(tilePath({ level: 1, index: 999, width: 256 })).toBe('tile/1/999')
  expect(tilePath({ level: 1, index: 1000, width: 255 })).toBe('tile/1/x001/000.p/255')
  expect(entriesPath({ index: 1_234_067, width: 8 })).toBe('tile/entries/x001/x234/067.p/8')
})

test('a tree of 70,000 has the partial tiles that the specification counts', () => {
  expect(partialTiles(70_000)).toEqual([
    { level: 0, index: 273, width: 112 },
    { level: 1, index: 1, width: 17 },
    { level: 2, index: 0, width: 1 },
  ])
  expect(partialTiles(256)).toEqual([{ level: 1, index: 0, width: 1 }])
  expect(partialTiles(0)).toEqual([])
})

test('a tile is full when the tree goes on behind it', () => {
  expect(tileWith(0, 255, 256)).toEqual({ level: 0, index: 0, width: 256 })
  expect(tileWith(0, 256, 70_000)).toEqual({ level: 0, index: 1, width: 256 })
  expect(tileWith(0, 69_999, 70_000)).toEqual({ level: 0, index: 273, width: 112 })
  expect(tileWith(1, 272, 70_000)).toEqual({ level: 1, index: 1, width: 17 })
})

test('bundles are what they were made of, and nothing else is one', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 20 }), fc.nat(), (entries, cut) => {
      const bundle = encodeBundle(entries)
      expect(decodeBundle(bundle, entries.length)).toEqual(entries.map((entry) => Buffer.from(entry)))
      expect(decodeBundle(bundle, entries.length + 1)).toBeUndefined()
      if (entries.length > 0) expect(decodeBundle(bundle, entries.length - 1)).toBeUndefined()
      expect(decodeBundle(Buffer.concat([bundle, Uint8Array.of(0)]), entries.length)).toBeUndefined()
      if (bundle.length > 0)
        expect(decodeBundle(bundle.subarray(0, cut % bundle.length), entries.length)).toBeUndefined()
    }),
  )
})

test('an entry is long behind its length, the higher byte first', () => {
  const bundle = encodeBundle([Buffer.alloc(0x1_02, 7), Buffer.of(9)])
  expect([...bundle.subarray(0, 3), ...bundle.subarray(-3)]).toEqual([1, 2, 7, 0, 1, 9])
  expect(() => encodeBundle([Buffer.alloc(65_536)])).toThrow(RangeError)
})
