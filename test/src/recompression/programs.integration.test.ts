import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DeflateEncoder } from '../../../src/recompression/deflate-encoder.ts'
import { decodeRecipe } from '../../../src/recompression/recipe.ts'
import { repack } from '../../../src/recompression/repack.ts'
import { unpack } from '../../../src/recompression/unpack.ts'
import { counterStream } from '../../support/byte-recipes.ts'
import { hasProgram } from '../../support/programs.ts'
import { sampleMixture, sampleText } from './sample-content.ts'

const levels = [1, 2, 3, 4, 5, 6, 7, 8, 9]
const encoder = new DeflateEncoder()

/** Contents that differ in how their ends lie in the window, and in which blocks they take. */
const contents: Readonly<Record<string, Buffer>> = {
  empty: Buffer.alloc(0),
  'one-byte': Buffer.of(7),
  page: sampleText(9000),
  text: sampleText(700_000),
  mixture: sampleMixture(),
  noise: counterStream('noise', 200_000),
  zeros: Buffer.alloc(65_536),
  program: readFileSync(process.execPath).subarray(30_000_000, 30_400_000),
  ...Object.fromEntries(
    [65_273, 65_274, 65_275, 65_530, 65_535, 65_536, 65_537, 98_041, 98_304].map((bytes) => [
      `text-${bytes}`,
      sampleText(bytes),
    ]),
  ),
}

let directory = ''

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vend-recompression-'))
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(directory, name), content)
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

function run(program: string, ...args: string[]): Buffer {
  return execFileSync(program, args, { cwd: directory, maxBuffer: 2 ** 28 })
}

/** How many streams the file has that come out the same. */
function streamsOf(bytes: Buffer): number {
  const unpacked = unpack(bytes, { encoder })
  if (unpacked === undefined) return 0
  expect(Buffer.compare(repack(unpacked.plain, unpacked.recipe, bytes.length, encoder), bytes)).toBe(0)
  return decodeRecipe(unpacked.recipe).streams.length
}

describe.skipIf(!hasProgram('gzip'))('gzip', () => {
  test.each(levels)('-%i', (level) => {
    for (const name of Object.keys(contents)) {
      expect(streamsOf(run('gzip', `-${level}nc`, name)), name).toBe(1)
    }
  })

  test('of many files at once, as Debian packages its documentation', () => {
    mkdirSync(join(directory, 'doc'))
    const names = Object.keys(contents).map((name) => join('doc', name))
    for (const [name, content] of Object.entries(contents))
      writeFileSync(join(directory, 'doc', name), content)
    run('gzip', '-9n', ...names)
    for (const name of names) expect(streamsOf(readFileSync(join(directory, `${name}.gz`))), name).toBe(1)
  })
})

// Debian has it at hand wherever gzip is: real pages, made by its own tools.
test.skipIf(!hasManualPages())('the manual pages of this machine come out the same', () => {
  let bytes = 0
  let again = 0
  for (const file of manualPages().slice(0, 200)) {
    const page = readFileSync(file)
    if (gunzipSync(page).length === 0) continue
    bytes += page.length
    if (streamsOf(page) > 0) again += page.length
  }
  expect(again / bytes).toBeGreaterThan(0.98)
})

function hasManualPages(): boolean {
  return manualPages().length > 0
}

function manualPages(): string[] {
  try {
    const folder = '/usr/share/man/man1'
    const pages = readdirSync(folder, { withFileTypes: true })
    return pages
      .filter((page) => page.isFile() && page.name.endsWith('.gz'))
      .map(({ name }) => join(folder, name))
  } catch {
    return []
  }
}

/** One start of Python for all: starting it takes longer than deflating. */
const deflateByZlib = `
import sys, zlib
window, memory, strategy = map(int, sys.argv[1:4])
for name in sys.argv[4:]:
    content = open(name, 'rb').read()
    for level in range(1, 10):
        deflater = zlib.compressobj(level, zlib.DEFLATED, window, memory, strategy)
        stream = deflater.compress(content) + deflater.flush()
        open(f'{name}-{level}.zlib', 'wb').write(stream)
`
const zipByPython = `
import sys, zipfile
with zipfile.ZipFile('python.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
    for name in sys.argv[1:]: archive.write(name)
`

describe.skipIf(!hasProgram('python3'))("Python's zlib", () => {
  // memLevel, strategy (0: default, 1: filtered), windowBits
  test.each([
    [8, 0, 15],
    [9, 0, 15],
    [8, 1, 15],
    [8, 0, 11],
  ])('memLevel %i, strategy %i, windowBits %i', (memory, strategy, window) => {
    const names = ['page', 'mixture', 'program', 'text-65535', 'zeros', 'empty']
    run('python3', '-c', deflateByZlib, ...[window, memory, strategy].map(String), ...names)
    for (const file of names.flatMap((name) => levels.map((level) => `${name}-${level}.zlib`))) {
      expect(streamsOf(readFileSync(join(directory, file))), file).toBe(1)
    }
  })

  test('zipfile', () => {
    const names = Object.keys(contents).filter((name) => contents[name]?.length !== 0)
    run('python3', '-c', zipByPython, ...names)
    expect(streamsOf(readFileSync(join(directory, 'python.zip')))).toBe(names.length)
  })
})

describe.skipIf(!hasProgram('zip'))('zip', () => {
  test.each(levels)('-%i', (level) => {
    const file = `archive-${level}.zip`
    run('zip', '-q', `-${level}`, file, 'page', 'text', 'mixture', 'program')
    expect(streamsOf(readFileSync(join(directory, file)))).toBe(4)
  })
})
