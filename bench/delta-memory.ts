/**
 * Makes a pack of one file of 2 GiB from another that is half like it, applies it, and prints what each took at its
 * peak: `node bench/delta-memory.ts`. Ends with 1 when making takes 1 GiB or more, or applying 192 MiB.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  createWriteStream,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { digestOf } from '../manifests/digest.ts'
import { FileView } from '../src/client/file-view.ts'
import { openContent } from '../src/delivery/open-content.ts'
import type { ContentFile } from '../src/delivery/pack-messages.ts'
import type { ContentView } from '../src/delta/content-view.ts'
import { DeltaDecoder } from '../src/delta/decode-delta.ts'
import { listStreams, readersOf, type StreamReaders } from '../src/delta/delta-streams.ts'
import { encodeDelta, type Delta, type DeltaPart } from '../src/delta/encode-delta.ts'
import { PackError } from '../src/pack/errors.ts'
import { encodePackHeader, type PackGroup } from '../src/pack/pack-header.ts'
import type { PackContent } from '../src/pack/pack-index.ts'
import { groupBytes } from '../src/pack/pack-limits.ts'
import { PackReader } from '../src/pack/pack-reader.ts'
import { GroupWriter } from '../src/pack/pack-writer.ts'
import { measure } from './measure.ts'
import { SeededContent } from './seeded-content.ts'

const mib = 1 << 20
const fileBytes = 2048 * mib
/** What is alike and what is not takes turns. */
const stretchBytes = 8 * mib
const limits = { make: 1024 * mib, apply: 192 * mib }

const place = fileURLToPath(new URL('made/delta-memory', import.meta.url))
const paths = {
  old: join(place, 'old'),
  next: join(place, 'next'),
  sum: join(place, 'next.sha256'),
  header: join(place, 'header'),
  groups: join(place, 'groups'),
  pack: join(place, 'pack'),
}

/** Nobody looks at it here. */
const digest = digestOf(Buffer.alloc(0))

async function compare(): Promise<void> {
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  try {
    writeContents()
    for (const phase of ['make', 'apply'] as const) {
      if (phase === 'apply') await joinParts()
      const script = fileURLToPath(import.meta.url)
      const usage = await measure({ argv: [process.execPath, script, phase] }, join(place, 'usage'))
      const peak = Math.round(usage.peakBytes / mib)
      const seconds = `${usage.cpuSeconds.toFixed(1)} s CPU, ${usage.wallSeconds.toFixed(1)} s wall`
      console.log(`${phase}: peak ${peak} MiB (limit ${limits[phase] / mib}), ${seconds}`)
      if (usage.peakBytes >= limits[phase]) process.exitCode = 1
    }
    console.log(`pack: ${statSync(paths.pack).size} bytes of ${fileBytes}`)
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

async function joinParts(): Promise<void> {
  for (const part of [paths.header, paths.groups]) {
    await pipeline(createReadStream(part), createWriteStream(paths.pack, { flags: 'a' }))
  }
}

/** Every second stretch of the new file is that of the old one, moved a little and changed in some places. */
function writeContents(): void {
  const [seeded, sum] = [new SeededContent('delta-memory'), createHash('sha256')]
  const [old, next] = [openSync(paths.old, 'w'), openSync(paths.next, 'w')]
  const put = (bytes: Buffer): void => {
    sum.update(bytes)
    writeSync(next, bytes)
  }
  for (let at = 0; at < fileBytes; at += stretchBytes) {
    const stretch = seeded.noise(stretchBytes)
    writeSync(old, stretch)
    const isAlike = (at / stretchBytes) % 2 === 0
    put(isAlike ? changed(stretch, seeded) : seeded.noise(stretchBytes))
  }
  closeSync(old)
  closeSync(next)
  writeFileSync(paths.sum, sum.digest('hex'))
}

function changed(stretch: Buffer, seeded: SeededContent): Buffer {
  const copy = Buffer.from(stretch)
  for (let change = 0; change < 100; change++) copy[seeded.integer(copy.length)] = seeded.integer(256)
  const moved = seeded.integer(1000)
  return Buffer.concat([seeded.noise(moved), copy.subarray(0, copy.length - moved)])
}

/** As a thread of the builder does it, once it has chosen the basis: with the proof, and groups given away when full. */
function make(): void {
  const [target, basis] = [openContent(contentFile(paths.next)), openContent(contentFile(paths.old))]
  const delta = encodeDelta(target, basis, groupBytes / 2)
  const proof = new Proof(target, basis, delta)
  const content: PackContent = {
    what: 'content',
    position: 0,
    bases: [{ position: 0, unpacked: false }],
    repack: undefined,
    ...delta.head,
  }
  const groups: PackGroup[] = []
  const fd = openSync(paths.groups, 'w')
  let group = new GroupWriter(true)
  const close = (): void => {
    const { group: described, bytes } = group.finish()
    groups.push(described)
    writeSync(fd, bytes)
    group = new GroupWriter(false)
  }
  let isFirst = true
  for (const part of delta.parts) {
    proof.check(part)
    if (group.isFullFor(part.streams)) close()
    const line = { content: isFirst ? content : undefined, targetBytes: part.targetBytes }
    group.add(line, part.streams, fileBytes, fileBytes)
    isFirst = false
  }
  close()
  closeSync(fd)
  writeFileSync(paths.header, encodePackHeader({ kind: 'contents', from: digest, to: digest, groups }))
}

function contentFile(path: string): ContentFile {
  return { path, position: 0, size: fileBytes, digest }
}

/** Makes the target again, and compares. */
class Proof {
  readonly #target: ContentView
  readonly #decode: (part: DeltaPart, readers: StreamReaders) => void
  #position = 0

  constructor(target: ContentView, basis: ContentView, { head }: Delta) {
    this.#target = target
    let decoder: DeltaDecoder | undefined
    this.#decode = ({ targetBytes }, readers) => {
      decoder ??= new DeltaDecoder({ length: target.length, head, basis }, readers)
      decoder.decodePart(targetBytes, readers, (bytes) => {
        this.#compare(bytes)
      })
    }
  }

  check(part: DeltaPart): void {
    this.#decode(part, readersOf(listStreams(part.streams).map((writer) => writer.written())))
  }

  #compare(bytes: Uint8Array): void {
    const wanted = this.#target.readAt(this.#position, bytes.length)
    if (Buffer.compare(wanted, bytes) !== 0) throw new Error(`it differs from byte ${this.#position} on`)
    this.#position += bytes.length
  }
}

function apply(): void {
  const basis = FileView.ofFile(openSync(paths.old, 'r'))
  const reader = new PackReader(FileView.ofFile(openSync(paths.pack, 'r')))
  const sum = createHash('sha256')
  const size = (_: string, position: number): number => {
    if (position === 0) return fileBytes
    throw new PackError('PACK_CORRUPT', `there is nothing at ${position}`)
  }
  const target = {
    content: size,
    basis: size,
    openBasis: () => basis,
    begin: () => ({
      write: (bytes: Uint8Array) => void sum.update(bytes),
      end: () => undefined,
      abandon: () => undefined,
    }),
  }
  reader.apply(target, 0, reader.header.groups.length)
  const [found, wanted] = [sum.digest('hex'), readFileSync(paths.sum, 'utf8')]
  if (found !== wanted) throw new Error(`the pack made ${found}, not ${wanted}`)
}

switch (process.argv[2]) {
  case undefined:
    await compare()
    break
  case 'make':
    make()
    break
  case 'apply':
    apply()
    break
  default:
    throw new Error('usage: node bench/delta-memory.ts')
}
