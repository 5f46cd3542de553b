import { closeSync, ftruncateSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digestOf, emptyDigest } from '../../../manifests/digest.ts'
import type { SparseMap } from '../../../manifests/entry.ts'
import { cloneContent } from '../../../src/tree/clone-content.ts'
import type { ContentFile } from '../../../src/tree/file-content.ts'
import { ContentReader, ContentWriter, hashContent } from '../../../src/tree/file-content.ts'
import { readSparseMap } from '../../../src/tree/read-sparse-map.ts'
import { scratchDirectory } from './scratch-directory.ts'

/** Holes and data by turns, beginning with a hole. */
const sparseMaps = fc
  .record({
    pieces: fc.array(fc.tuple(fc.integer({ min: 1, max: 999 }), fc.integer({ min: 1, max: 999 })), {
      maxLength: 9,
    }),
    startsWithData: fc.boolean(),
    tail: fc.integer({ min: 0, max: 999 }),
  })
  .map(({ pieces, startsWithData, tail }): SparseMap => {
    const data: [number, number][] = []
    let end = 0
    for (const [index, [hole, length]] of pieces.entries()) {
      const start = index === 0 && startsWithData ? 0 : end + hole
      data.push([start, length])
      end = start + length
    }
    return { size: end + tail, data }
  })

function contentBytes({ data }: SparseMap): number {
  return data.reduce((sum, [, length]) => sum + length, 0)
}

function fileOf(sparse: SparseMap): ContentFile {
  return { path: 'file', size: contentBytes(sparse), sparse }
}

describe('content', () => {
  it('is written in any pieces and order, and read back alike', () => {
    const directory = scratchDirectory()
    fc.assert(
      fc.property(sparseMaps, fc.integer({ min: 1, max: 700 }), fc.boolean(), (sparse, piece, backwards) => {
        const file = fileOf(sparse)
        const content = Buffer.from(Array.from({ length: file.size }, (_, i) => (i * 7 + 1) & 0xff))
        const fd = openSync(directory.in('file'), 'w+')
        const writer = new ContentWriter(fd, file)
        const starts = Array.from({ length: Math.ceil(file.size / piece) }, (_, i) => i * piece)
        for (const start of backwards ? starts.reverse() : starts)
          writer.write(content.subarray(start, start + piece), start)
        writer.sync()

        const expected = Buffer.alloc(sparse.size)
        let done = 0
        for (const [offset, length] of sparse.data) {
          content.copy(expected, offset, done, done + length)
          done += length
        }
        expect(readFileSync(directory.in('file')).equals(expected)).toBe(true)

        const back = Buffer.alloc(file.size + 10)
        expect(new ContentReader(fd, file).read(back, 0)).toBe(file.size)
        expect(back.subarray(0, file.size).equals(content)).toBe(true)
        const middle = file.size >> 1
        expect(new ContentReader(fd, file).read(back, middle)).toBe(file.size - middle)
        expect(hashContent(fd, file)).toBe(digestOf(content))
        closeSync(fd)
      }),
      { numRuns: 60 },
    )
  })

  it('has no bytes beyond its end', () => {
    const fd = openSync(scratchDirectory().in('file'), 'w+')
    const file = { path: 'file', size: 10 }
    expect(() => new ContentWriter(fd, file).write(Buffer.alloc(11), 0)).toThrow(RangeError)
    expect(() => new ContentWriter(fd, file).write(Buffer.alloc(1), 10)).toThrow(RangeError)
    closeSync(fd)
  })

  it('of nothing has the digest of nothing', () => {
    const fd = openSync(scratchDirectory().in('file'), 'w+')
    expect(hashContent(fd, { path: 'file', size: 0 })).toBe(emptyDigest)
    closeSync(fd)
  })

  it('of several buffers is hashed whole', () => {
    const directory = scratchDirectory()
    const bytes = Buffer.alloc(2_500_000, 'vend ')
    writeFileSync(directory.in('file'), bytes)
    const fd = openSync(directory.in('file'), 'r')
    expect(hashContent(fd, { path: 'file', size: bytes.length })).toBe(digestOf(bytes))
    closeSync(fd)
  })

  it('that became shorter is a change of the tree', () => {
    const fd = openSync(scratchDirectory().in('file'), 'w+')
    expect(() => hashContent(fd, { tree: '/tree', path: 'some/file', size: 5 })).toThrow(
      /^some\/file in \/tree: became shorter/,
    )
    closeSync(fd)
  })
})

describe('cloneContent', () => {
  it('gives the same bytes and the same holes', () => {
    const directory = scratchDirectory()
    const from = openSync(directory.in('from'), 'w+')
    ftruncateSync(from, 10_000_000)
    new ContentWriter(from, {
      path: '',
      size: 9,
      sparse: { size: 10_000_000, data: [[5_000_000, 9]] },
    }).write(Buffer.from('some data'), 0)
    const to = openSync(directory.in('to'), 'w+')
    cloneContent(to, from, { path: 'to' })
    expect(readFileSync(directory.in('to')).equals(readFileSync(directory.in('from')))).toBe(true)
    expect(readSparseMap(to, 10_000_000)).toEqual(readSparseMap(from, 10_000_000))
    expect(statSync(directory.in('to')).blocks).toBe(statSync(directory.in('from')).blocks)
    closeSync(from)
    closeSync(to)
  })
})

describe('readSparseMap', () => {
  it('has nothing to say of files without holes', () => {
    const directory = scratchDirectory()
    for (const size of [0, 1, 5000]) {
      writeFileSync(directory.in('file'), Buffer.alloc(size, 1))
      const fd = openSync(directory.in('file'), 'r')
      expect(readSparseMap(fd, size)).toBeUndefined()
      closeSync(fd)
    }
  })
})
