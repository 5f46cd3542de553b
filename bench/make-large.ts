/**
 * Makes what shows whether memory and time grow with the input: one file of 6 GiB, bench/made/large/file.bin, and
 * a tree of 300,000 small files, bench/made/many. Both are the same bytes wherever they are made, which is checked.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { byteEntropy, SeededContent } from './seeded-content.ts'

interface Piece {
  readonly kind: 'noise' | 'prose' | 'repetition'
  readonly bytes: Buffer
}

const work = join(import.meta.dirname, 'made')
const largeFileBytes = 6 * 2 ** 30
const largeFileDigest = 'b2feb678bdeae9fcf68dbc37a525f32a5d6b59ce3f2077f879cb7fee5ec04da0'
const manyFiles = 300_000
const manyDigest = '3c372849be3bd8999f453606f8e280691f42db20c4bcc2f948fbedf195ed3c29'

/** Every file and directory is as old as this, in seconds: 2024-01-01. */
const modified = 1_704_067_200

/** Every so many pieces, one is weighed. */
const weighedEvery = 32

function main(): void {
  once(join(work, 'large'), makeLargeFile)
  once(join(work, 'many'), makeManyFiles)
}

/** A directory under its own name is a complete one. */
function once(directory: string, make: (directory: string) => void): void {
  if (existsSync(directory)) return
  const unfinished = `${directory}.new`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  make(unfinished)
  renameSync(unfinished, directory)
}

function makeLargeFile(directory: string): void {
  const content = new SeededContent('large')
  const whole = createHash('sha256')
  const weighed: Piece[] = []
  const path = join(directory, 'file.bin')
  const file = openSync(path, 'wx')
  const earlier: Buffer[] = []
  let written = 0
  for (let index = 0; written < largeFileBytes; index++) {
    const piece = nextPiece(content, earlier, largeFileBytes - written)
    writeWhole(file, piece.bytes)
    whole.update(piece.bytes)
    written += piece.bytes.length
    if (index % weighedEvery === 0) weighed.push(piece)
  }
  closeSync(file)
  utimesSync(path, modified, modified)
  weigh(weighed)
  check('large/file.bin', whole, largeFileDigest)
  console.log(`large/file.bin: ${written} bytes`)
}

/** Half noise, a little less prose, and now and then something from before. */
function nextPiece(content: SeededContent, earlier: Buffer[], most: number): Piece {
  const length = Math.min(most, content.size(64 * 1024, 8 * 2 ** 20))
  const choice = content.integer(100)
  const repeated = earlier[content.integer(16)]
  if (choice < 6 && repeated !== undefined) {
    return { kind: 'repetition', bytes: repeated.subarray(0, Math.min(most, repeated.length)) }
  }
  const kind = choice < 53 ? 'noise' : 'prose'
  const bytes = content[kind](length)
  earlier[content.integer(16)] = bytes
  return { kind, bytes }
}

function writeWhole(file: number, bytes: Buffer): void {
  let written = 0
  while (written < bytes.length) written += writeSync(file, bytes, written)
}

/** What was generated is as hard, and as easy, to compress as was meant. */
function weigh(pieces: readonly Piece[]): void {
  const noise = Buffer.concat(pieces.filter(({ kind }) => kind === 'noise').map(({ bytes }) => bytes))
  const prose = Buffer.concat(pieces.filter(({ kind }) => kind === 'prose').map(({ bytes }) => bytes))
  assertWithin('entropy of noise', byteEntropy(noise), 7.99, 8)
  assertWithin('entropy of prose', byteEntropy(prose), 4, 5)
  assertWithin('compressed noise', zstdCompressSync(noise).length / noise.length, 0.99, 1.01)
  assertWithin('compressed prose', zstdCompressSync(prose).length / prose.length, 0.3, 0.5)
  assertWithin('noise in all', noise.length / (noise.length + prose.length), 0.35, 0.65)
}

function assertWithin(what: string, value: number, least: number, most: number): void {
  assert.ok(value >= least && value <= most, `${what} is ${value}, not between ${least} and ${most}`)
}

function check(name: string, hash: Hash, expected: string): void {
  assert.equal(hash.digest('hex'), expected, `${name} is not what this program makes elsewhere`)
}

function makeManyFiles(root: string): void {
  const content = new SeededContent('many')
  const whole = createHash('sha256')
  const directories = new Set<string>()
  let bytes = 0
  for (let index = 0; index < manyFiles; index++) {
    const directory = directoryOf(content)
    if (!directories.has(directory)) mkdirSync(join(root, directory), { recursive: true })
    for (let path = directory; path !== ''; path = parentOf(path)) directories.add(path)
    const path = `${directory}/${index.toString(36).padStart(4, '0')}.txt`
    const body = bodyOf(content)
    writeFileSync(join(root, path), body, { flag: 'wx' })
    utimesSync(join(root, path), modified, modified)
    whole.update(`${path}\0${body.length}\0`).update(body)
    bytes += body.length
  }
  for (const directory of directories) utimesSync(join(root, directory), modified, modified)
  utimesSync(root, modified, modified)
  check('many', whole, manyDigest)
  console.log(`many: ${manyFiles} files, ${directories.size} directories, ${bytes} bytes`)
}

/** Two to four levels deep. */
function directoryOf(content: SeededContent): string {
  const levels = 2 + content.integer(3)
  const names = Array.from(
    { length: levels },
    (_, level) => `d${content.integer([16, 12, 8, 4][level] ?? 1)}`,
  )
  return names.join('/')
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0))
}

/** A tenth is of the kind that is already compressed: pictures, archives. */
function bodyOf(content: SeededContent): Buffer {
  const length = content.size(100, 20_000)
  return content.integer(10) === 0 ? content.noise(length) : content.prose(length)
}

main()
