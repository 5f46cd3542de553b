import { Transform, type TransformCallback } from 'node:stream'
import zlib from 'node:zlib'

type Callback = (error: Error | null, result: Buffer) => void

/** As `zstdDecompress` of node:zlib, on the thread that calls it. */
export function decompressInline(
  input: Uint8Array,
  options: zlib.ZstdOptions | Callback,
  callback?: Callback,
): void {
  const [settings, done] = typeof options === 'function' ? [{}, options] : [options, callback]
  let result: Buffer = Buffer.alloc(0)
  let failure: Error | null = null
  try {
    result = zlib.zstdDecompressSync(input, settings)
  } catch (error) {
    failure = asError(error)
  }
  process.nextTick(() => done?.(failure, result))
}

/** Gathers all of its input, and works on it at its end: what histories hold is small. */
export class WholeTransform extends Transform {
  readonly #work: (input: Buffer) => Buffer
  readonly #pieces: Buffer[] = []

  constructor(work: (input: Buffer) => Buffer) {
    super()
    this.#work = work
  }

  override _transform(piece: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#pieces.push(piece)
    done()
  }

  override _flush(done: TransformCallback): void {
    try {
      this.push(this.#work(Buffer.concat(this.#pieces)))
      done()
    } catch (error) {
      done(asError(error))
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
