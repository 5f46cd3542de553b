/** How an archive is compressed. */
export interface Compression {
  readonly name: string
  /** The program that decompresses stdin to stdout, and its arguments; undefined where Node.js can. */
  readonly program?: readonly [name: string, ...args: string[]]
}

export const gzip: Compression = { name: 'gzip' }
export const zstd: Compression = { name: 'zstd' }

interface Magic {
  readonly bytes: Buffer
  readonly compression: Compression
}

/** The longest of them. */
export const magicBytes = 9

const memoryLimit = '--memlimit-decompress=1GiB'

const magics: readonly Magic[] = [
  magic('1f8b', gzip),
  magic('28b52ffd', zstd),
  magic('fd377a585a00', { name: 'xz', program: ['xz', '-dc', '-T1', memoryLimit] }),
  magic('5d00008000', { name: 'lzma', program: ['xz', '-dc', '--format=lzma', memoryLimit] }),
  magic('425a68', { name: 'bzip2', program: ['bzip2', '-dc'] }),
  magic('04224d18', { name: 'lz4', program: ['lz4', '-dc'] }),
  magic('4c5a4950', { name: 'lzip', program: ['lzip', '-dc'] }),
  magic('894c5a4f000d0a1a0a', { name: 'lzop', program: ['lzop', '-dc'] }),
  magic('1f9d', { name: 'compress', program: ['gzip', '-dc'] }),
]

/** The compression of what begins with `start`; undefined for none that is known. */
export function compressionOf(start: Uint8Array): Compression | undefined {
  const found = magics.find(({ bytes }) => bytes.equals(start.subarray(0, bytes.length)))
  return found?.compression ?? (isSkippableFrame(start) ? zstd : undefined)
}

/** zstd --patch-from, pzstd and others begin with one (RFC 8878 §3.1.2). */
function isSkippableFrame(start: Uint8Array): boolean {
  const [first = 0, ...rest] = start.subarray(0, 4)
  return (first & 0xf0) === 0x50 && Buffer.from(rest).toString('hex') === '2a4d18'
}

function magic(hex: string, compression: Compression): Magic {
  return { bytes: Buffer.from(hex, 'hex'), compression }
}
