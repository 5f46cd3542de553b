import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  DigestBuilder,
  digestFromBytes,
  digestFromHex,
  digestOf,
  digestToBytes,
  emptyDigest,
  hexOf,
  parseDigest,
} from '../../manifests/digest.ts'
import { digests, pieces } from '../support/format-arbitraries.ts'

test('a digest has one spelling in every form', () => {
  fc.assert(
    fc.property(digests, (digest) => {
      expect(parseDigest(digest)).toBe(digest)
      expect(digestFromHex(hexOf(digest))).toBe(digest)
      expect(digestFromBytes(digestToBytes(digest))).toBe(digest)
    }),
  )
})

test.each(['', 'sha256:', 'ab', 'g'.repeat(64), 'A'.repeat(64)])('%j are no 64 digits', (hex) => {
  expect(() => digestFromHex(hex)).toThrow(expect.objectContaining({ code: 'DIGEST_INVALID' }))
})

test('31 and 33 bytes are no digest', () => {
  for (const length of [0, 31, 33]) {
    expect(() => digestFromBytes(new Uint8Array(length))).toThrow(/expected sha256:/)
  }
})

test('a digest of bytes in pieces is that of all of them', () => {
  fc.assert(
    fc.property(
      fc.uint8Array().chain((bytes) => fc.record({ bytes: fc.constant(bytes), fed: pieces(bytes) })),
      ({ bytes, fed }) => {
        const builder = new DigestBuilder()
        for (const piece of fed) builder.add(piece)
        expect(builder.bytes).toBe(bytes.length)
        expect(builder.finish()).toBe(digestOf(bytes))
      },
    ),
  )
  expect(new DigestBuilder().finish()).toBe(emptyDigest)
})
