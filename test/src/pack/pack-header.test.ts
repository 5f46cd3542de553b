import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digestFromHex } from '../../../manifests/digest.ts'
import {
  decodePackHeader,
  encodePackHeader,
  groupLength,
  packHeaderLength,
  packLength,
  packMemory,
  preambleBytes,
  type PackGroup,
  type PackHeader,
} from '../../../src/pack/pack-header.ts'
import { maxGroupBytes, maxGroups, maxHeaderBytes } from '../../../src/pack/pack-limits.ts'

const digests = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => digestFromHex(Buffer.from(bytes).toString('hex')))
const streamSizes = fc
  .tuple(fc.nat(100_000), fc.nat(100_000))
  .map(([a, b]) => ({ plain: Math.max(a, b), stored: Math.min(a, b) }))
  .map(({ plain, stored }) => ({ plain: stored === 0 ? 0 : plain, stored }))
const packGroups: fc.Arbitrary<PackGroup> = fc.record({
  fresh: fc.boolean(),
  targetBytes: fc.maxSafeNat(),
  streams: fc.array(streamSizes, { minLength: 9, maxLength: 9 }),
})
const headers: fc.Arbitrary<PackHeader> = fc.record({
  kind: fc.constantFrom('manifests', 'contents'),
  from: fc.option(
    digests.filter((digest) => !/:0+$/.test(digest)),
    { nil: undefined },
  ),
  to: digests,
  groups: fc.array(packGroups, { maxLength: 20 }),
})

const group: PackGroup = {
  fresh: true,
  targetBytes: 10,
  streams: Array.from({ length: 9 }, () => ({ plain: 7, stored: 5 })),
}
const header: PackHeader = {
  kind: 'manifests',
  from: undefined,
  to: digestFromHex('ab'.repeat(32)),
  groups: [group, { ...group, fresh: false }],
}

/** The header with something changed in its plain bytes, or in the numbers before them. */
function tampered(change: (plain: Buffer) => Buffer, declared?: number): Buffer {
  const bytes = encodePackHeader(header)
  const plain = change(zstdDecompressSync(bytes.subarray(preambleBytes)))
  const stored = zstdCompressSync(plain)
  const preamble = Buffer.from(bytes.subarray(0, preambleBytes))
  preamble.writeUInt32LE(stored.length, 12)
  preamble.writeUInt32LE(declared ?? plain.length, 16)
  return Buffer.concat([preamble, stored])
}

function withGroup(changed: Partial<PackGroup>): Uint8Array {
  return encodePackHeader({ ...header, groups: [{ ...group, ...changed }] })
}

function sizes(plain: number, stored: number): PackGroup['streams'] {
  return [{ plain, stored }, ...group.streams.slice(1)]
}

describe('the header of a pack', () => {
  test('is what its bytes say', () => {
    fc.assert(
      fc.property(headers, (one) => {
        const bytes = encodePackHeader(one)
        expect(packHeaderLength(bytes.subarray(0, preambleBytes))).toBe(bytes.length)
        expect(decodePackHeader(Buffer.concat([bytes, Buffer.from('what follows')]))).toEqual(one)
      }),
      { numRuns: 60 },
    )
  })

  test('says how long the pack is, and what it takes to apply', () => {
    expect(groupLength(group)).toBe(45)
    expect(packLength(header, 100)).toBe(190)
    expect(packMemory(header)).toBe(45 + 63)
    expect(packMemory({ ...header, groups: [] })).toBe(0)
  })

  test.each([
    ['nothing', Buffer.alloc(0), 'PACK_CORRUPT'],
    ['something else', Buffer.alloc(100, 'VENDLUMP'), 'PACK_CORRUPT'],
    ['cut in its preamble', encodePackHeader(header).subarray(0, preambleBytes - 1), 'PACK_CORRUPT'],
    ['cut', encodePackHeader(header).subarray(0, -1), 'PACK_CORRUPT'],
    [
      'of another version',
      Buffer.concat([Buffer.from('VENDPACK\x02\0\0\0'), Buffer.alloc(8)]),
      'PACK_UNSUPPORTED',
    ],
    ['declared longer than it is', tampered((plain) => plain, 200), 'PACK_CORRUPT'],
    ['declared shorter than it is', tampered((plain) => plain, 20), 'PACK_CORRUPT'],
    ['declared too long', tampered((plain) => plain, maxHeaderBytes + 1), 'PACK_TOO_LARGE'],
    ['too short', tampered((plain) => plain.subarray(0, -1)), 'PACK_CORRUPT'],
    ['too long', tampered((plain) => Buffer.concat([plain, Buffer.alloc(1)])), 'PACK_CORRUPT'],
    [
      'of another kind',
      tampered((plain) => Buffer.concat([Buffer.of(2), plain.subarray(1)])),
      'PACK_UNSUPPORTED',
    ],
    ['with unknown flags', tampered((plain) => plain.fill(2, 66, 67)), 'PACK_UNSUPPORTED'],
    [
      'with too many groups',
      tampered((plain) => Buffer.concat([plain.subarray(0, 65), Buffer.of(0x81, 0x80, 0x04)])),
      'PACK_TOO_LARGE',
    ],
    ['with a stream stored longer than plain', withGroup({ streams: sizes(4, 5) }), 'PACK_CORRUPT'],
    ['with something made of nothing', withGroup({ streams: sizes(4, 0) }), 'PACK_CORRUPT'],
    ['with too large a group', withGroup({ streams: sizes(maxGroupBytes - 55, 1) }), 'PACK_TOO_LARGE'],
    ['with a stream of 2^53 - 1', withGroup({ streams: sizes(2 ** 53 - 1, 1) }), 'PACK_TOO_LARGE'],
  ])('%s is refused', (_, bytes, code) => {
    expect(() => decodePackHeader(bytes)).toThrow(
      expect.objectContaining({ name: 'PackError', code }) as Error,
    )
  })

  test('may have a group of just the largest size, and as many groups as there may be', () => {
    const largest = withGroup({ streams: sizes(maxGroupBytes - 56, 1) })
    expect(decodePackHeader(largest).groups).toHaveLength(1)
    const empty = {
      fresh: false,
      targetBytes: 0,
      streams: group.streams.map(() => ({ plain: 0, stored: 0 })),
    }
    const most = encodePackHeader({ ...header, groups: Array.from({ length: maxGroups }, () => empty) })
    expect(decodePackHeader(most).groups).toHaveLength(maxGroups)
  })
})
