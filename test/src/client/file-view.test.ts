import { closeSync, fstatSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { blockBytes, BlockPool } from '../../../src/client/block-pool.ts'
import { FileView } from '../../../src/client/file-view.ts'
import { noise } from '../../support/tree-recipe.ts'
import { fileIn, scratch } from './memory-tree.ts'

const content = noise(1, 3 * 1024 * 1024 + 17)

function open(bytes: Uint8Array = content): number {
  const path = join(scratch(), 'file')
  writeFileSync(path, bytes)
  return openSync(path, 'r')
}

test('gives any range, and what it gave stays', () => {
  using view = FileView.ofFile(open())
  const range = fc.tuple(fc.nat(content.length + 10), fc.oneof(fc.nat(3 * blockBytes), fc.nat(100)))
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 40 }), (ranges) => {
      const given = ranges.map(([offset, length]) => view.readAt(offset, length))
      for (const [i, [offset, length]] of ranges.entries()) {
        const wanted = content.subarray(offset, offset + length)
        expect(wanted.equals(given[i] as Uint8Array)).toBe(true)
      }
    }),
    { numRuns: 40 },
  )
})

test('a sparse file is its data', () => {
  const data = Buffer.alloc(300_000)
  content.copy(data, 10_000, 0, 1000)
  content.copy(data, 200_000, 1000, 3000)
  const sparse = { size: 300_000, data: [[10_000, 1000] as const, [200_000, 2000] as const] }
  const entry = fileIn(content, 'f', 0, 3000, sparse)
  using view = FileView.ofContent(open(data), entry, '/', new BlockPool())
  expect(content.subarray(500, 2500).equals(view.readAt(500, 2000))).toBe(true)
})

test('a file that became shorter is zeros, not an error', () => {
  const entry = fileIn(content, 'f', 0, 2000)
  using view = FileView.ofContent(open(content.subarray(0, 1000)), entry, '/', new BlockPool())
  expect(view.length).toBe(2000)
  expect(Buffer.alloc(2000).equals(view.readAt(0, 2000))).toBe(true)
})

class CountingPool extends BlockPool {
  taken = 0

  override take(): Buffer {
    this.taken++
    return super.take()
  }
}

test('blocks are used again, by the next file and by the same', () => {
  const pool = new CountingPool()
  const block = pool.take()
  pool.giveBack(block)
  const entry = fileIn(content, 'f', 0, 1000)
  let first: Uint8Array
  {
    using view = FileView.ofContent(open(), entry, '/', pool)
    first = view.readAt(0, 1000)
    expect(content.subarray(0, 1000).equals(block.subarray(0, 1000))).toBe(true)
  }
  using other = FileView.ofContent(open(noise(2, 1000)), entry, '/', pool)
  expect(noise(2, 1000).equals(other.readAt(0, 1000))).toBe(true)
  expect(noise(2, 1000).equals(block.subarray(0, 1000))).toBe(true)
  expect(content.subarray(0, 1000).equals(first)).toBe(true)

  const before = pool.taken
  using long = FileView.ofFile(open(), pool)
  for (let at = 0; at < content.length; at += 1000) long.readAt(at, 10)
  expect(content.length).toBeGreaterThan(8 * blockBytes)
  expect(pool.taken - before).toBe(8)
})

test('a borrowed descriptor stays open, and its own is closed', () => {
  const [lent, owned] = [open(), open()]
  FileView.borrowedFile(lent)[Symbol.dispose]()
  FileView.ofFile(owned)[Symbol.dispose]()
  expect(fstatSync(lent).size).toBe(content.length)
  closeSync(lent)
  expect(() => fstatSync(owned)).toThrow('EBADF')
})

test('a part begins where it begins', () => {
  const fd = open()
  const view = FileView.borrowedPart(fd, 1_000_000, 5000)
  expect(content.subarray(1_000_100, 1_005_000).equals(view.readAt(100, 9999))).toBe(true)
  closeSync(fd)
})
