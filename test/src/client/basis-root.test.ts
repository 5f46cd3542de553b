import { closeSync, mkdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { BasisRoot } from '../../../src/client/basis-root.ts'
import { emptyDigest } from '../../../manifests/digest.ts'
import type { FileEntry } from '../../../manifests/entry.ts'
import { noise } from '../../support/tree-recipe.ts'
import { directory, fileIn, path, refOf, scratch, sourceOf, treeOf } from './memory-tree.ts'

const stream = noise(3, 9000)
const chunks = [stream.subarray(0, 4000), stream.subarray(4000, 5000), stream.subarray(5000, 9000)]
const entries = [
  directory(''),
  fileIn(stream, 'a', 0, 1500),
  fileIn(stream, 'b', 1500, 3000),
  directory('d'),
  fileIn(stream, 'd/c', 4500, 4500),
  fileIn(stream, 'd/same', 0, 1500),
  fileIn(stream, 'e', 0, 0),
]

async function installed(): Promise<{ root: string; basis: BasisRoot }> {
  const root = scratch()
  mkdirSync(join(root, 'd'))
  for (const entry of entries) {
    if (entry.type !== 'file') continue
    writeFileSync(join(root, entry.path), stream.subarray(entry.offset, entry.offset + entry.size))
  }
  const basis = await BasisRoot.open(root, await treeOf({ name: 'm', chunks, entries }))
  onTestFinished(() => basis[Symbol.dispose]())
  return { root, basis }
}

test('gives every chunk of what it was made of', async () => {
  const { basis } = await installed()
  for (const plain of chunks) expect(basis.chunk(refOf(plain))?.equals(plain)).toBe(true)
  expect(basis.chunk(refOf(noise(4, 100)))).toBeUndefined()
})

test('counts what it gave, and fetches the rest', async () => {
  const { basis } = await installed()
  const other = noise(5, 700)
  const { source, asked } = sourceOf([other], basis)
  for (const plain of [...chunks, other]) expect((await source.chunk(refOf(plain))).equals(plain)).toBe(true)
  expect(source.totals).toEqual({ fetchedChunks: 1, reusedBytes: 9000 })
  expect(asked).toHaveLength(1)
})

test('believes no file that was changed', async () => {
  const { root, basis } = await installed()
  const changed = readFileSync(join(root, 'b'))
  changed[2000] = (changed[2000] ?? 0) ^ 1
  writeFileSync(join(root, 'b'), changed)
  expect(chunks.map((plain) => basis.chunk(refOf(plain)) !== undefined)).toEqual([false, true, true])
})

test.each([
  ['is gone', (at: string) => rmSync(at)],
  ['is shorter', (at: string) => writeFileSync(at, stream.subarray(4500, 4600))],
  ['is a directory', (at: string) => (rmSync(at), mkdirSync(at))],
])('does without a file that %s', async (_, change) => {
  const { root, basis } = await installed()
  change(join(root, 'd/c'))
  expect(chunks.map((plain) => basis.chunk(refOf(plain)) !== undefined)).toEqual([true, false, false])
})

test('offers files by their content, the hint first', async () => {
  const { root, basis } = await installed()
  const wanted = { ...(entries[1] as FileEntry), path: path('new/name') }
  const offered = (hint: string): string[] =>
    Array.from(basis.candidates(wanted, path(hint)), (fd) => {
      const found = readlinkSync(`/proc/self/fd/${fd}`)
      closeSync(fd)
      return relative(root, found)
    })
  const [first] = offered('nowhere')
  expect([offered('a'), offered('d/same')].map((each) => each[0])).toEqual(['a', 'd/same'])
  expect(offered(first ?? '')).toEqual([first])
  const unknown = { ...wanted, digest: emptyDigest }
  expect([...basis.candidates(unknown, path('a'))]).toEqual([])
})
