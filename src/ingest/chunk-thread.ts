import { parentPort, workerData } from 'node:worker_threads'
import { digestOf, DigestBuilder, type Digest } from '../../manifests/digest.ts'
import { encodeChunk } from '../chunking/chunk-codec.ts'
import { cutBuffer, cutContent } from '../chunking/cut-content.ts'
import { ContentReader } from '../tree/file-content.ts'
import type { ChunkReply, ChunkTask, ChunkThreadSetup, CutChunk } from './chunk-messages.ts'
import { DigestMap } from '../digest-map.ts'
import { freeBytes } from './free-bytes.ts'

/** The thread side of the chunk pool: cuts, hashes and compresses; one task at a time. */

const setup = workerData as ChunkThreadSetup
const known = new DigestMap(setup.known)
const room = cutBuffer(setup.profile)
const inFlight = new Int32Array(setup.inFlight)

parentPort?.on('message', (task: ChunkTask) => {
  try {
    reply({ kind: 'done', digest: task.kind === 'file' ? cutFile(task) : chunkBytes(task.plain) })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    reply({ kind: 'failed', code: code ?? 'CHUNKING_FAILED', message })
  }
})

function cutFile({ fd, file }: Extract<ChunkTask, { kind: 'file' }>): Digest {
  const reader = new ContentReader(fd, file)
  const read = (buffer: Uint8Array, position: number): number => reader.read(buffer, position)
  const whole = new DigestBuilder()
  for (const plain of cutContent(read, file.size, setup.profile, room)) {
    // A file that is one chunk has the chunk's digest.
    if (plain.length === file.size) return makeChunk(plain)
    whole.add(plain)
    makeChunk(plain)
  }
  return whole.finish()
}

function chunkBytes(plain: Uint8Array<ArrayBuffer>): Digest {
  const digest = makeChunk(plain)
  freeBytes(plain)
  return digest
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

function reply(message: ChunkReply): void {
  parentPort?.postMessage(message)
}
