import { closeSync, fstatSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { FileEntry } from '../../../manifests/entry.ts'
import { openVerified } from '../../../src/client/open-verified.ts'
import { TreeReader } from '../../../src/tree/tree-reader.ts'
import { noise } from '../../support/tree-recipe.ts'
import { failReadsOf } from './failing-reads.ts'
import { fileIn, scratch } from './memory-tree.ts'

const stream = noise(4, 8192)

function open(root: string, entry: FileEntry): number | undefined {
  using reader = new TreeReader(root)
  const fd = openVerified(reader, entry)
  if (fd !== undefined) onTestFinished(() => closeSync(fd))
  return fd
}

function openFiles(): number {
  return readdirSync('/proc/self/fd').length
}

test('opens what has the content, and closes what has not', () => {
  const root = scratch()
  const entry = fileIn(stream, 'file', 0, 4096)
  writeFileSync(join(root, 'file'), stream.subarray(0, 4096))
  const fd = open(root, entry)
  expect(fd === undefined ? undefined : fstatSync(fd).ino).toBe(statSync(join(root, 'file')).ino)
  const before = openFiles()
  expect(open(root, fileIn(stream, 'file', 1, 4096))).toBeUndefined()
  expect(open(root, fileIn(stream, 'missing', 0, 4096))).toBeUndefined()
  failReadsOf(join(root, 'file'))
  expect(open(root, entry)).toBeUndefined()
  expect(openFiles()).toBe(before)
})

test('where a file has its holes is no matter', () => {
  const root = scratch()
  const content = Buffer.concat([Buffer.alloc(5120), stream.subarray(0, 1024), Buffer.alloc(14_336)])
  writeFileSync(join(root, 'file'), content)
  const sparse = { size: content.length, data: [[5120, 1024]] } as const
  expect(open(root, fileIn(stream, 'file', 0, 1024, sparse))).toBeDefined()
})
