import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digestOf } from '../../manifests/digest.ts'
import type { Entry } from '../../manifests/entry.ts'
import { encodeEntry } from '../../manifests/entry-line.ts'
import { FormatError } from '../../manifests/errors.ts'
import { ManifestDecoder, maxLineBytes, type ManifestItem } from '../../manifests/manifest-decoder.ts'
import { encodeHeader, encodeManifest } from '../../manifests/manifest.ts'
import { treePathFromText } from '../../manifests/tree-path.ts'
import { counterStream } from '../support/byte-recipes.ts'
import { manifests, pieces } from '../support/format-arbitraries.ts'
import { readVectorFile } from '../support/format-vectors.ts'

const hello = readVectorFile('manifests/hello.ndjson')
const helloDigest = digestOf(hello)

function directoryAt(path: string, xattrs = new Map<string, Uint8Array>()): Entry {
  const owner = { uid: 0, gid: 0, mtime: { seconds: 0, nanos: 0 } }
  return { type: 'directory', path: treePathFromText(path), mode: 0o755, ...owner, xattrs }
}

function decodeAll(fed: Iterable<Uint8Array>): ManifestItem[] {
  const decoder = new ManifestDecoder()
  const items = Array.from(fed).flatMap((piece) => Array.from(decoder.decode(piece)))
  decoder.end()
  return items
}

describe('feeding', () => {
  test('byte by byte gives the same items', () => {
    const bytes = Array.from(hello, (byte) => Uint8Array.of(byte))
    expect(decodeAll(bytes)).toEqual(decodeAll([hello]))
  })

  test('in any pieces gives the same items', () => {
    fc.assert(
      fc.property(
        manifests
          .map((manifest) => encodeManifest(manifest))
          .chain((bytes) => fc.record({ bytes: fc.constant(bytes), fed: pieces(bytes) })),
        ({ bytes, fed }) => {
          expect(decodeAll(fed)).toEqual(decodeAll([bytes]))
        },
      ),
      { numRuns: 100 },
    )
  })

  test('a reused buffer changes nothing that was read from it', () => {
    const buffer = Buffer.alloc(64)
    const decoder = new ManifestDecoder()
    const items: ManifestItem[] = []
    for (let start = 0; start < hello.length; start += buffer.length) {
      const length = hello.copy(buffer, 0, start)
      items.push(...decoder.decode(buffer.subarray(0, length)))
      buffer.fill(0)
    }
    decoder.end()
    expect(items).toEqual(decodeAll([hello]))
  })
})

describe('damage', () => {
  test('a manifest cut off anywhere is an error', () => {
    for (let length = 0; length < hello.length; length++) {
      expect(() => decodeAll([hello.subarray(0, length)]), `${length} bytes`).toThrow(FormatError)
    }
  })

  test('a manifest with anything after it is an error', () => {
    for (let byte = 0; byte < 256; byte++) {
      expect(() => decodeAll([hello, Uint8Array.of(byte)])).toThrow(FormatError)
    }
  })

  test('every changed byte is an error or another digest, and what is accepted is canonical', () => {
    let accepted = 0
    for (let position = 0; position < hello.length; position++) {
      for (const change of [0x01, 0x20, 0x80]) {
        const damaged = Buffer.from(hello)
        damaged[position] = (damaged[position] ?? 0) ^ change
        try {
          decodeAll([damaged])
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
          continue
        }
        accepted++
        expect(digestOf(damaged)).not.toBe(helloDigest)
      }
    }
    expect(accepted).toBeGreaterThan(0)
  })

  test('bytes without any sense are a FormatError and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(() => decodeAll([bytes])).toThrow(FormatError)
      }),
    )
  })

  test('lines out of other manifests, in any order, never break the decoder', () => {
    const lines = Buffer.concat([hello, readVectorFile('manifests/order.ndjson')])
      .toString()
      .trimEnd()
      .split('\n')
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...lines), { maxLength: 12 }), (some) => {
        try {
          decodeAll([Buffer.from(some.map((line) => `${line}\n`).join(''))])
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('limits', () => {
  test('a line of the largest size is read, in small pieces too, in linear time', () => {
    const line = longestLine()
    expect(line.length).toBe(maxLineBytes)
    const text = `${encodeHeader({ module: 'm', chunking: 'c', chunks: 0, entries: 1, contentBytes: 0 })}\n`
    const bytes = Buffer.concat([Buffer.from(text), line, Buffer.from('\n')])
    const small = Array.from({ length: Math.ceil(bytes.length / 16) }, (_, i) =>
      bytes.subarray(16 * i, 16 * i + 16),
    )
    expect(decodeAll(small)).toHaveLength(2)
  })

  test('a line that does not end is refused before it is held', () => {
    const decoder = new ManifestDecoder()
    const piece = Buffer.alloc(64 << 10, 'x')
    const feed = () => {
      for (let fed = 0; fed <= maxLineBytes; fed += piece.length) Array.from(decoder.decode(piece))
    }
    expect(feed).toThrow(/longer than 1048576 bytes/)
  })

  test('directories are remembered only while something can still lie in them', () => {
    const paths = Array.from({ length: 300 }, (_, i) => `d${'x'.repeat(i % 7)}-${i}`)
      .flatMap((name) => [name, `${name}/a`, `${name}-b`, `${name}/c`])
      .toSorted()
    const all = ['', ...paths].map((path) => directoryAt(path))
    const bytes = encodeManifest({ module: 'm', chunking: 'c', chunkTable: [], entries: all })
    expect(decodeAll([bytes])).toHaveLength(1 + all.length)
  })

  test('a chunk table longer than its manifest asks for no memory', () => {
    const header = {
      module: 'm',
      chunking: 'c',
      chunks: Number.MAX_SAFE_INTEGER,
      entries: 0,
      contentBytes: 0,
    }
    expect(() => decodeAll([Buffer.from(`${encodeHeader(header)}\n`)])).toThrow(
      'manifest, line 2: the header announces 9007199254740991 chunks and 0 entries more',
    )
  })
})

/** The root directory's line, with attributes that make it as long as a line may be. */
function longestLine(): Buffer {
  const xattrs = new Map<string, Uint8Array>()
  const line = () => encodeEntry(directoryAt('', xattrs))
  const noise = counterStream('xattrs', 65_536)
  for (let i = 0; i < 11; i++) xattrs.set(`user.${i}`, noise)
  xattrs.set('user.rest', noise)
  const excess = line().length - maxLineBytes
  xattrs.set('user.rest', noise.subarray(0, noise.length - Math.ceil(excess / 4) * 3))
  const missing = maxLineBytes - line().length
  xattrs.delete('user.rest')
  const rest = noise.subarray(0, noise.length - Math.ceil(excess / 4) * 3)
  xattrs.set(`user.rest${'x'.repeat(missing)}`, rest)
  return Buffer.from(line())
}
