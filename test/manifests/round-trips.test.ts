import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'
import { decodeChannel, encodeChannel } from '../../manifests/channel.ts'
import { decodeEntry, encodeEntry } from '../../manifests/entry-line.ts'
import { decodeByteString, encodeByteString } from '../../manifests/fields.ts'
import { ManifestDecoder } from '../../manifests/manifest-decoder.ts'
import { decodeChunkRef, encodeChunkRef, encodeManifest } from '../../manifests/manifest.ts'
import { decodeRelease, encodeRelease } from '../../manifests/release.ts'
import { byteStringFromBytes, treePathFromBytes, treePathToBytes } from '../../manifests/tree-path.ts'
import {
  channels,
  characters,
  chunkRefs,
  entries,
  manifests,
  releases,
  treePaths,
} from '../support/format-arbitraries.ts'

test('an entry is what its line says', () => {
  fc.assert(
    fc.property(entries, (entry) => {
      expect(decodeEntry(Buffer.from(encodeEntry(entry)))).toEqual(entry)
    }),
    { numRuns: 500 },
  )
})

test('the line of an entry is canonical JSON', () => {
  fc.assert(
    fc.property(entries, (entry) => {
      const line = encodeEntry(entry)
      expect(canonicalJson(JSON.parse(line) as JsonValue)).toBe(line)
    }),
    { numRuns: 500 },
  )
})

test('a chunk is what its line says', () => {
  fc.assert(
    fc.property(chunkRefs, (chunk) => {
      expect(decodeChunkRef(Buffer.from(encodeChunkRef(chunk)))).toEqual(chunk)
    }),
  )
})

test('a manifest is what its bytes say', () => {
  fc.assert(
    fc.property(manifests, (manifest) => {
      const bytes = encodeManifest(manifest)
      const decoder = new ManifestDecoder()
      const items = Array.from(decoder.decode(bytes))
      decoder.end()
      const decodedEntries = items.flatMap((item) => (item.kind === 'entry' ? [item] : []))
      expect(items.flatMap((item) => (item.kind === 'chunk' ? [item.chunk] : []))).toEqual(
        manifest.chunkTable,
      )
      expect(decodedEntries.map((item) => item.entry)).toEqual(manifest.entries)
      for (const { entry, line } of decodedEntries) {
        const { position, bytes: length } = line
        expect(bytes.toString('utf8', position, position + length)).toBe(encodeEntry(entry))
      }
    }),
    { numRuns: 150 },
  )
})

test('a release and a channel are what their documents say', () => {
  fc.assert(
    fc.property(releases, channels, (release, channel) => {
      expect(decodeRelease(Buffer.from(encodeRelease(release)))).toEqual(release)
      expect(decodeChannel(Buffer.from(encodeChannel(channel)))).toEqual(channel)
    }),
    { numRuns: 150 },
  )
})

test('any bytes survive as a byte string, as text exactly when they are UTF-8', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), fc.string({ unit: characters }), (bytes, text) => {
      const byteString = byteStringFromBytes(bytes)
      const json = encodeByteString(byteString)
      expect(decodeByteString(json)).toBe(byteString)
      expect(typeof json === 'string').toBe(isText(bytes))
      expect(encodeByteString(byteStringFromBytes(Buffer.from(text)))).toBe(text)
    }),
  )
})

test('paths sort as strings in the order of their bytes', () => {
  fc.assert(
    fc.property(treePaths, treePaths, (a, b) => {
      expect(Math.sign(Buffer.compare(treePathToBytes(a), treePathToBytes(b)))).toBe(
        a < b ? -1 : Number(a > b),
      )
      expect(treePathFromBytes(treePathToBytes(a))).toBe(a)
    }),
  )
})

test.each([Number.NaN, 1.5, 2 ** 53, Infinity, '\ud800', { 'a\udc00': '\udc00' }])(
  'canonical JSON has no way to write %j',
  (value) => {
    expect(() => canonicalJson(value)).toThrow(TypeError)
  },
)

function isText(bytes: Uint8Array): boolean {
  return Buffer.from(Buffer.from(bytes).toString('utf8')).equals(bytes)
}
