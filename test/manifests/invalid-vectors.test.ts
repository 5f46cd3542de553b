import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decodeChannel } from '../../manifests/channel.ts'
import { parseDigest } from '../../manifests/digest.ts'
import { decodeEntry } from '../../manifests/entry-line.ts'
import { FormatError, type FormatErrorCode } from '../../manifests/errors.ts'
import { ManifestDecoder } from '../../manifests/manifest-decoder.ts'
import { parseChannelName, parseModuleName, parseVersion } from '../../manifests/names.ts'
import { decodeRelease } from '../../manifests/release.ts'
import { treePathFromBytes } from '../../manifests/tree-path.ts'
import { makeBytes, type ByteRecipe } from '../support/byte-recipes.ts'
import { readVectorFile, readVectors } from '../support/format-vectors.ts'

interface Fault {
  readonly document: keyof typeof readers
  readonly file?: string
  readonly recipe?: ByteRecipe
}

interface Refusal {
  readonly code: FormatErrorCode
  readonly place?: string
}

const readers = {
  manifest: readManifest,
  entry: decodeEntry,
  release: decodeRelease,
  channel: decodeChannel,
  path: treePathFromBytes,
  digest: (bytes: Uint8Array) => parseDigest(String(bytes)),
  name: (bytes: Uint8Array) => parseModuleName(String(bytes)),
  version: (bytes: Uint8Array) => parseVersion(String(bytes)),
}

const faults = readVectors<Fault, Refusal>('invalid/index.json')

describe('every fault is refused with its code, at its place', () => {
  test.each(faults.map((fault) => ({ name: fault.input.file ?? fault.comment, ...fault })))(
    '$name: $comment',
    ({ input, expected }) => {
      const refusal = refusalOf(() => readers[input.document](bytesOf(input)))
      expect({ code: refusal.code, place: refusal.place }).toEqual({
        code: expected.code,
        place: expected.place,
      })
    },
  )
})

test('every file is in the index, and every code has a file', () => {
  const files = readdirSync(new URL('../vectors/invalid/', import.meta.url))
  const listed = faults.map(({ input }) => input.file).filter((file) => file !== undefined)
  expect(files.filter((file) => file !== 'index.json').sort()).toEqual(listed.sort())
  const codes: Record<FormatErrorCode, true> = {
    FORMAT_UNKNOWN: true,
    FORMAT_INVALID: true,
    FORMAT_NOT_CANONICAL: true,
    FORMAT_TRUNCATED: true,
    PATH_INVALID: true,
    NAME_INVALID: true,
    DIGEST_INVALID: true,
  }
  expect(new Set(faults.map(({ expected }) => expected.code))).toEqual(new Set(Object.keys(codes)))
})

test('a message names the document, the place and what is wrong, and stays short', () => {
  for (const { input } of faults) {
    const { message, document } = refusalOf(() => readers[input.document](bytesOf(input)))
    expect(message).toContain(document)
    expect(message.length).toBeLessThan(1000)
  }
})

test('channels are named by the same rule as modules', () => {
  const names = faults.filter(({ input }) => input.document === 'name')
  for (const { input } of names) {
    expect(refusalOf(() => parseChannelName(String(bytesOf(input)))).code).toBe('NAME_INVALID')
  }
  expect(parseChannelName('beta-2')).toBe('beta-2')
})

test('a deeply nested format is refused like any other', () => {
  const nested = `{"format":${'['.repeat(200_000)}${']'.repeat(200_000)}}`
  expect(refusalOf(() => decodeRelease(Buffer.from(nested))).code).toBe('FORMAT_UNKNOWN')
})

function bytesOf({ file, recipe }: Fault): Buffer {
  if (recipe !== undefined) return makeBytes(recipe)
  return readVectorFile(`invalid/${file}`)
}

function readManifest(bytes: Uint8Array): void {
  const decoder = new ManifestDecoder()
  Array.from(decoder.decode(bytes))
  decoder.end()
}

function refusalOf(read: () => unknown): FormatError {
  try {
    read()
  } catch (error) {
    if (error instanceof FormatError) return error
    throw error
  }
  throw new Error('was accepted')
}
