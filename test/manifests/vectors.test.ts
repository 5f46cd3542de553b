import { describe, expect, test } from 'vitest'
import xxhash from 'xxhash-wasm'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'
import { channelTargetPath, decodeChannel, encodeChannel, type Channel } from '../../manifests/channel.ts'
import { digestOf, type Digest } from '../../manifests/digest.ts'
import { decodeEntry, encodeEntry } from '../../manifests/entry-line.ts'
import { encodeByteString, type ByteStringJson } from '../../manifests/fields.ts'
import { ManifestDecoder } from '../../manifests/manifest-decoder.ts'
import { encodeManifest } from '../../manifests/manifest.ts'
import { decodeRelease, encodeRelease, releaseTargetPath, type Release } from '../../manifests/release.ts'
import { fractionAt, turnOf, wholeFleet, type RolloutStep } from '../../manifests/rollout.ts'
import { displayTreePath, treePathFromBytes, treePathToBytes } from '../../manifests/tree-path.ts'
import {
  bytesOf,
  entryOf,
  readVectorFile,
  readVectors,
  type VectorBytes,
  type VectorEntry,
} from '../support/format-vectors.ts'

interface Signed {
  readonly text: string
  readonly digest: Digest
  readonly target: string
}

test.each(readVectors<VectorBytes, Digest>('digests.json'))('digest of $comment', ({ input, expected }) => {
  expect(digestOf(bytesOf(input))).toBe(expected)
})

test.each(readVectors<VectorBytes, { json: ByteStringJson; shown: string }>('tree-paths.json'))(
  'path: $comment',
  ({ input, expected }) => {
    const path = treePathFromBytes(bytesOf(input))
    expect({ json: encodeByteString(path), shown: displayTreePath(path) }).toEqual(expected)
    expect(treePathToBytes(path)).toEqual(bytesOf(input))
  },
)

test.each(readVectors<JsonValue, string>('canonical-json.json'))(
  'canonical JSON: $comment',
  ({ input, expected }) => {
    expect(canonicalJson(input)).toBe(expected)
    expect(JSON.parse(expected)).toEqual(input)
  },
)

describe('entries', () => {
  test.each(readVectors<VectorEntry, string>('entries.json'))('$comment', ({ input, expected }) => {
    expect(encodeEntry(entryOf(input))).toBe(expected)
    expect(decodeEntry(Buffer.from(expected))).toEqual(entryOf(input))
  })
})

describe('manifests', () => {
  interface Summary {
    readonly digest: Digest
    readonly key: string
    readonly bytes: number
    readonly module: string
    readonly chunks: number
    readonly entries: number
    readonly contentBytes: number
  }

  test.each(readVectors<{ file: string }, Summary>('manifests.json'))('$comment', ({ input, expected }) => {
    const bytes = readVectorFile(input.file)
    const decoder = new ManifestDecoder()
    const items = Array.from(decoder.decode(bytes))
    decoder.end()
    const [header] = items.flatMap((item) => (item.kind === 'header' ? [item.header] : []))
    const chunkTable = items.flatMap((item) => (item.kind === 'chunk' ? [item.chunk] : []))
    const entries = items.flatMap((item) => (item.kind === 'entry' ? [item.entry] : []))
    const digest = digestOf(bytes)

    expect(header).toMatchObject({
      module: expected.module,
      chunks: expected.chunks,
      entries: expected.entries,
      contentBytes: expected.contentBytes,
    })
    expect([digest, bytes.length]).toEqual([expected.digest, expected.bytes])
    expect(expected.key).toBe(`manifests/${digest.slice('sha256:'.length)}.ndjson.zst`)
    expect(
      encodeManifest({
        module: expected.module,
        chunking: header?.chunking ?? '',
        chunkTable,
        entries,
      }).equals(bytes),
    ).toBe(true)
  })
})

test.each(readVectors<Release, Signed>('releases.json'))('release: $comment', ({ input, expected }) => {
  const bytes = Buffer.from(expected.text)
  expect(encodeRelease(input)).toBe(expected.text)
  expect(decodeRelease(bytes)).toEqual(input)
  expect(digestOf(bytes)).toBe(expected.digest)
  expect(releaseTargetPath(input.version)).toBe(expected.target)
})

test.each(readVectors<Channel, Signed>('channels.json'))('channel: $comment', ({ input, expected }) => {
  const bytes = Buffer.from(expected.text)
  expect(encodeChannel(input)).toBe(expected.text)
  expect(decodeChannel(bytes)).toEqual(input)
  expect(digestOf(bytes)).toBe(expected.digest)
  expect(channelTargetPath(input.channel)).toBe(expected.target)
})

test.each(
  readVectors<{ seed: string; machineId: string }, { xxh64: string; bucket: number }>('rollouts.json'),
)('rollout bucket: $comment', async ({ input, expected }) => {
  const api = await xxhash()
  const value = api.h64(`${input.seed}:${input.machineId}`)
  expect(value.toString(16).padStart(16, '0')).toBe(expected.xxh64)
  expect(Number(value % BigInt(wholeFleet))).toBe(expected.bucket)
})

test.each(
  readVectors<
    { steps: readonly RolloutStep[]; instant: string; bucket: number },
    { fraction: number; turn: string | null }
  >('rollout-curves.json'),
)('rollout curve: $comment', ({ input, expected }) => {
  expect(fractionAt(input, new Date(input.instant))).toBe(expected.fraction)
  expect(turnOf(input, input.bucket) ?? null).toBe(expected.turn)
})
