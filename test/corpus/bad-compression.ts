import { execFileSync } from 'node:child_process'
import { constants, crc32, gzipSync, zstdCompressSync } from 'node:zlib'
import { badFile, type BadSource } from './bad-source.ts'
import { noise } from '../support/tree-recipe.ts'
import { memberOf, tarOf } from './tar-maker.ts'

const damaged = 'SOURCE_DAMAGED'
const mebibyte = 1 << 20

function bomb(name: string, compress: (plain: Buffer) => Buffer): BadSource {
  const plain = (): Buffer => tarOf([{ path: 'zeros', content: Buffer.alloc(16 * mebibyte) }])
  return {
    ...badFile(name, () => compress(plain()), 'SOURCE_TOO_LARGE', 'unpack to more than', '--max-unpacked'),
    maxUnpackedBytes: mebibyte,
    args: ['--max-unpacked', '1MiB'],
  }
}

const tar = (): Buffer => tarOf([{ path: 'noise', content: noise(7, 200_000) }])
const by =
  (program: string, ...args: readonly string[]) =>
  (plain: Buffer): Buffer =>
    execFileSync(program, ['-c', ...args], { input: plain, maxBuffer: 64 * mebibyte })

function needing(program: string, source: BadSource): BadSource {
  return { ...source, needs: program }
}

/** With one bit the other way: in the middle, or at a place counted from the end. */
function flipped(bytes: Buffer, place?: number): Buffer {
  const at = place === undefined ? bytes.length >> 1 : bytes.length + place
  bytes.writeUInt8((bytes[at] ?? 0) ^ 0x10, at)
  return bytes
}

function checked(plain: Buffer): Buffer {
  return zstdCompressSync(plain, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })
}

/** A frame that asks its reader for a window of 2 GiB (RFC 8878 §3.1.1.1.2), and has no block but an empty last. */
const wideFrame = Buffer.from('28b52ffd00a8010000', 'hex')

/** xz whose block asks for a dictionary of 4 GiB (the .xz file format §5.3.1), with the right checksum for that. */
function wideXz(): Buffer {
  const packed = by('xz')(tar())
  const end = 12 + ((packed[12] ?? 0) + 1) * 4
  packed.writeUInt8(40, 12 + 4)
  packed.writeUInt32LE(crc32(packed.subarray(12, end - 4)), end - 4)
  return packed
}

/** The first gibibyte is free, whatever it came from: zeros after the end of an archive take no room anywhere. */
function hugeByDefault(): Buffer {
  const zeros = zstdCompressSync(Buffer.alloc(64 * mebibyte))
  return Buffer.concat([
    zstdCompressSync(tarOf([{ path: 'small' }])),
    ...Array.from({ length: 17 }, () => zeros),
  ])
}

export const badCompression: readonly BadSource[] = [
  bomb('a bomb by gzip', gzipSync),
  bomb('a bomb by zstd', zstdCompressSync),
  needing('xz', bomb('a bomb by xz', by('xz', '-0'))),
  needing('bzip2', bomb('a bomb by bzip2', by('bzip2', '-1'))),
  bomb('a bomb in many frames', (plain) =>
    Buffer.concat([plain.subarray(0, 999), plain.subarray(999)].map((part) => zstdCompressSync(part))),
  ),
  badFile(
    'a bomb by what is usual',
    hugeByDefault,
    'SOURCE_TOO_LARGE',
    'which no tree of an operating system does',
  ),
  badFile('a window of 2 GiB', () => wideFrame, 'SOURCE_TOO_LARGE', 'a window that takes more than 128 MiB'),
  needing('xz', badFile('a dictionary of 4 GiB', wideXz, damaged, 'xz says: ', 'emory usage limit')),
  badFile(
    'gzip that is cut off',
    () => gzipSync(tar()).subarray(0, -1000),
    damaged,
    'compressed with gzip, and damaged: it ends in the middle',
  ),
  badFile(
    'zstd that is cut off',
    () => zstdCompressSync(tar()).subarray(0, -1000),
    damaged,
    'compressed with zstd, and damaged: it ends in the middle',
  ),
  badFile(
    'zstd that is cut off in its second frame',
    () => Buffer.concat([checked(tar()), checked(tar()).subarray(0, 6)]),
    damaged,
    'compressed with zstd, and damaged',
  ),
  needing(
    'xz',
    badFile('xz that is cut off', () => by('xz')(tar()).subarray(0, -1000), damaged, 'xz says: '),
  ),
  badFile(
    'gzip with a wrong checksum',
    () => flipped(gzipSync(tar()), -6),
    damaged,
    'compressed with gzip, and damaged: incorrect data check',
  ),
  badFile(
    'zstd with a wrong checksum',
    () => flipped(checked(tar()), -2),
    damaged,
    'compressed with zstd, and damaged',
  ),
  needing(
    'bzip2',
    badFile('bzip2 with a wrong checksum', () => flipped(by('bzip2')(tar()), -4), damaged, 'bzip2 says: '),
  ),
  needing(
    'lz4',
    badFile('lz4 with a wrong bit', () => flipped(by('lz4')(tar())), damaged, 'lz4 says: '),
  ),
  badFile(
    'gzip with text after it',
    () => Buffer.concat([gzipSync(tar()), Buffer.from('and more')]),
    damaged,
    'compressed with gzip, and damaged: incorrect header',
  ),
  badFile(
    'zstd with text after it',
    () => Buffer.concat([zstdCompressSync(tar()), Buffer.from('and more')]),
    damaged,
    'compressed with zstd, and damaged: Unknown frame',
  ),
  badFile('gzip in gzip', () => gzipSync(gzipSync(tar())), damaged, 'the header at byte 0', 'no tar archive'),
  badFile(
    'gzip of an archive that is cut off',
    () => gzipSync(memberOf({ path: 'x' })),
    damaged,
    'is cut off at byte 512',
  ),
]
