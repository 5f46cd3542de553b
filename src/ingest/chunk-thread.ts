import { parentPort, workerData } from 'node:worker_threads'
import { digestOf, DigestBuilder, type Digest } from '../../manifests/digest.ts'
import { encodeChunk } from '../chunking/chunk-codec.ts'
import { cutBuffer, cutContent } from '../chunking/cut-content.ts'
import { ContentReader } from '../tree/file-content.ts'
import { Sketcher, sketchOf, type Sketch } from '../similarity/sketch.ts'
import type { ChunkReply, ChunkTask, ChunkThreadSetup, CutChunk } from './chunk-messages.ts'
import { DigestMap } from '../digest-map.ts'
import { freeBytes } from './free-bytes.ts'

/** The thread side of the chunk pool: cuts, hashes, compresses and sketches; one task at a time. */

const setup = workerData as ChunkThreadSetup
const known = new DigestMap(setup.known)
const room = cutBuffer(setup.profile)
const inFlight = new Int32Array(setup.inFlight)

parentPort?.on('message', (task: ChunkTask) => {
  try {
    reply({ kind: 'done', digest: perform(task) })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    reply({ kind: 'failed', code: code ?? 'CHUNKING_FAILED', message })
  }
})

function perform(task: ChunkTask): Digest {
  switch (task.kind) {
    case 'file':
      return cutFile(task)
    case 'bytes':
      return chunkBytes(task)
    case 'sketch':
      return sketchFile(task)
  }
}

function cutFile({ fd, file, sketch }: Extract<ChunkTask, { kind: 'file' }>): Digest {
  const reader = new ContentReader(fd, file)
  const read = (buffer: Uint8Array, position: number): number => reader.read(buffer, position)
  const whole = new DigestBuilder()
  let sketcher = sketch === undefined ? undefined : new Sketcher(file.size)
  let digest: Digest | undefined
  for (const plain of cutContent(read, file.size, setup.profile, room)) {
    const isFirst = digest === undefined
    // A file that is one chunk has the chunk's digest.
    if (plain.length < file.size) whole.add(plain)
    digest = makeChunk(plain)
    if (isFirst && sketch === 'unlikely' && known.has(digest)) sketcher = undefined
    sketcher?.add(plain)
  }
  if (sketcher !== undefined) sendSketches([sketcher.finish()])
  return digest === undefined || whole.bytes > 0 ? whole.finish() : digest
}

function chunkBytes({ plain, sketch = [] }: Extract<ChunkTask, { kind: 'bytes' }>): Digest {
  const digest = makeChunk(plain)
  const sketches: (Sketch | undefined)[] = []
  for (let i = 0; i < sketch.length; i += 2) sketches.push(sketchOf(plain.subarray(sketch[i], sketch[i + 1])))
  if (sketches.length > 0) sendSketches(sketches)
  freeBytes(plain)
  return digest
}

function sketchFile({ fd, file }: Extract<ChunkTask, { kind: 'sketch' }>): Digest {
  const reader = new ContentReader(fd, file)
  const digest = new DigestBuilder()
  const sketcher = new Sketcher(file.size)
  while (digest.bytes < file.size) {
    const plain = room.subarray(0, reader.read(room.subarray(0, file.size - digest.bytes), digest.bytes))
    digest.add(plain)
    sketcher.add(plain)
  }
  sendSketches([sketcher.finish()])
  return digest.finish()
}

function makeChunk(plain: Uint8Array): Digest {
  const digest = digestOf(plain)
  const size = plain.length
  if (known.has(digest)) {
    reply({ kind: 'chunk', chunk: { digest, size } })
    return digest
  }
  const stored = encodeChunk(plain, setup.compressionLevel)
  waitForRoom(stored.length)
  sendChunk({ digest, size, stored })
  return digest
}

/** Blocks this thread while the store is behind: what waits to be stored must not pile up in memory. */
function waitForRoom(bytes: number): void {
  for (;;) {
    const waiting = Atomics.load(inFlight, 0)
    if (waiting < setup.maxInFlightBytes) break
    Atomics.wait(inFlight, 0, waiting)
  }
  Atomics.add(inFlight, 0, bytes)
}

function sendChunk(chunk: Required<CutChunk>): void {
  parentPort?.postMessage({ kind: 'chunk', chunk } satisfies ChunkReply, [chunk.stored.buffer])
}

function sendSketches(found: readonly (Sketch | undefined)[]): void {
  const sketches = Uint32Array.from(found.flatMap((sketch) => [sketch?.length ?? 0, ...(sketch ?? [])]))
  parentPort?.postMessage({ kind: 'sketches', sketches } satisfies ChunkReply, [sketches.buffer])
}

function reply(message: ChunkReply): void {
  parentPort?.postMessage(message)
}
