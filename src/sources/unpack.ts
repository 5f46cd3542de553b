import { createGunzip } from 'node:zlib'
import { ByteReader } from './byte-reader.ts'
import { compressionOf, gzip, magicBytes, type Compression } from './compression.ts'
import { SourceError } from './errors.ts'
import { allowedBytes, type SourceLimits } from './source-limits.ts'
import { unpackByProgram } from './unpack-by-program.ts'
import { unpackZstd } from './unpack-zstd.ts'

const pieceBytes = 256 * 1024

/**
 * The plain bytes of what may be compressed in any way that its first bytes tell; other bytes as they are. Throws
 * SourceError: SOURCE_DAMAGED, SOURCE_TOO_LARGE for what unpacks to more than the limits, SOURCE_UNSUPPORTED when a
 * program is missing. Memory: some MiB, with zstd up to 128 MiB, with xz up to 1 GiB, as their headers ask.
 */
export async function* unpack(
  input: AsyncIterable<Uint8Array>,
  source: string,
  limits: SourceLimits = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ByteReader(input)
  try {
    const start = await reader.read(magicBytes)
    const compression = compressionOf(start)
    reader.unread(start)
    if (compression === undefined) yield* reader.rest()
    else yield* unpackBounded(reader, compression, source, limits)
  } finally {
    await reader.close()
  }
}

async function* unpackBounded(
  reader: ByteReader,
  compression: Compression,
  source: string,
  limits: SourceLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  let unpacked = 0
  for await (const piece of plainBytes(reader.rest(), compression, source)) {
    unpacked += piece.length
    if (unpacked > allowedBytes(reader.position, limits)) {
      throw tooLarge(reader.position, unpacked, source, limits)
    }
    yield piece
  }
}

async function* plainBytes(
  packed: AsyncIterable<Buffer>,
  compression: Compression,
  source: string,
): AsyncGenerator<Buffer, void, undefined> {
  const { name, program } = compression
  if (program !== undefined) {
    yield* unpackByProgram(packed, { name, program }, source)
    return
  }
  try {
    yield* compression === gzip ? unpackGzip(packed) : unpackZstd(packed)
  } catch (error) {
    throw damaged(error, name, source)
  }
}

/** Also of several members, one after another (RFC 1952 §2.2), and with zeros after the last. */
async function* unpackGzip(packed: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  const decoder = createGunzip({ chunkSize: pieceBytes })
  // What fails in it shows in the decoder; where zeros follow the last member it never ends.
  void feed(packed, decoder)
  try {
    for await (const piece of decoder) yield piece as Buffer
  } finally {
    decoder.destroy()
  }
}

async function feed(packed: AsyncIterable<Buffer>, decoder: ReturnType<typeof createGunzip>): Promise<void> {
  try {
    for await (const piece of packed) {
      if (decoder.destroyed) return
      await new Promise<void>((resolve) => {
        decoder.write(piece, () => resolve())
      })
    }
    decoder.end()
  } catch (error) {
    decoder.destroy(error instanceof Error ? error : new Error(String(error)))
  }
}

function damaged(error: unknown, name: string, source: string): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  const code = String(error.code)
  if (code === 'ZSTD_error_frameParameter_windowTooLarge') {
    const problem =
      'is compressed with a window that takes more than 128 MiB of memory to decompress; compress it without --long=28 and above'
    return new SourceError('SOURCE_TOO_LARGE', { source }, problem, error)
  }
  if (!code.startsWith('Z_') && !code.startsWith('ZSTD_')) return error
  const problem = code === 'Z_BUF_ERROR' ? 'it ends in the middle' : error.message
  return new SourceError(
    'SOURCE_DAMAGED',
    { source },
    `is compressed with ${name}, and damaged: ${problem}`,
    error,
  )
}

function tooLarge(packed: number, unpacked: number, source: string, limits: SourceLimits): SourceError {
  const isSet = limits.maxUnpackedBytes !== undefined
  const problem =
    `${packed} bytes of it unpack to more than ${unpacked - 1}` +
    (isSet ? ', which is the limit' : ', which no tree of an operating system does') +
    '; if it is what it should be, allow more with --max-unpacked'
  return new SourceError('SOURCE_TOO_LARGE', { source }, problem)
}
