import { byRoomyZlib, byZlib, candidatesOf, type DeflateStream, type Variant } from './deflate-stream.ts'
import { maxWindowBits, type DeflateParameters } from './deflate-parameters.ts'
import { inflateAt } from './inflate-at.ts'

const headerBytes = 2
const checksumBytes = 4
/** FLEVEL (RFC 1950 §2.2), and which levels zlib gives it for. */
const likelyLevels = [[1], [5, 4, 3, 2], [6], [9, 8, 7]]

const pngSignature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
const pngChunkHeaderBytes = 8
const imageData = 0x49444154

/** A file that is one zlib stream and nothing else. */
export function* zlibStreams(bytes: Uint8Array, plainLimit: number): Iterable<DeflateStream> {
  const stream = zlibStreamIn(bytes, 0, bytes.length, plainLimit)
  if (stream !== undefined) yield stream
}

/** The pixels of a PNG, when they lie in one IDAT chunk: in several, the stream is cut by their headers. */
export function* pngStreams(bytes: Uint8Array, plainLimit: number): Iterable<DeflateStream> {
  if (!pngSignature.every((byte, i) => bytes[i] === byte)) return
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = pngSignature.length; at + pngChunkHeaderBytes <= bytes.length;) {
    const start = at + pngChunkHeaderBytes
    const end = start + view.getUint32(at)
    if (view.getUint32(at + 4) === imageData) {
      const stream = zlibStreamIn(bytes, start, end, plainLimit)
      if (stream !== undefined) yield stream
      return
    }
    at = end + checksumBytes
  }
}

function zlibStreamIn(
  bytes: Uint8Array,
  start: number,
  end: number,
  plainLimit: number,
): DeflateStream | undefined {
  const method = bytes[start] ?? 0
  const flags = bytes[start + 1] ?? 0
  if (end > bytes.length || (method & 15) !== 8 || method >> 4 > 7) return undefined
  if ((method * 256 + flags) % 31 !== 0 || (flags & 32) !== 0) return undefined
  const from = start + headerBytes
  const inflated = inflateAt(bytes.subarray(0, end), from, plainLimit, 4 * (end - start))
  if (inflated === undefined || inflated.end + checksumBytes !== end) return undefined
  return { start: from, ...inflated, candidates: candidatesFor((method >> 4) + 8, flags >> 6) }
}

/** The window is the declared one, or the full one where the writer lowered the declaration afterwards. */
function candidatesFor(windowBits: number, effort: number): DeflateParameters[] {
  const variants: Variant[] = []
  for (const { encoder, memoryLevel } of [byZlib, byRoomyZlib]) {
    for (const bits of new Set([Math.max(9, windowBits), maxWindowBits])) {
      for (const isFiltered of [false, true])
        variants.push({ encoder, memoryLevel, windowBits: bits, isFiltered })
    }
  }
  return candidatesOf(variants, likelyLevels[effort] ?? [])
}
