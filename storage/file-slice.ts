import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { ByteRange } from './blob-store.ts'

const pieceBytes = 256 * 1024

/**
 * Streams exactly the bytes of a range of an open file, or fails: never fewer. Owns the handle and closes it, also
 * when the stream is destroyed before it was read. `describe` turns what went wrong into the error to fail with.
 */
export class FileSlice extends Readable {
  readonly #handle: FileHandle
  readonly #end: number
  readonly #describe: (problem: unknown) => Error
  #position: number

  constructor(handle: FileHandle, range: ByteRange, describe: (problem: unknown) => Error) {
    super({ highWaterMark: pieceBytes })
    this.#handle = handle
    this.#position = range.start
    this.#end = range.end
    this.#describe = describe
  }

  override _read(): void {
    if (this.#position === this.#end) {
      this.push(null)
      return
    }
    this.#readPiece().then(
      (piece) => this.push(piece),
      (error: unknown) => this.destroy(this.#describe(error)),
    )
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    void this.#close(error, done)
  }

  async #close(error: Error | null, done: (error?: Error | null) => void): Promise<void> {
    let failure = error
    try {
      await this.#handle.close()
    } catch (problem) {
      failure ??= this.#describe(problem)
    }
    done(failure)
  }

  async #readPiece(): Promise<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytes, this.#end - this.#position))
    const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.#position)
    if (bytesRead === 0) throw new Error(`ends ${this.#end - this.#position} bytes too early`)
    this.#position += bytesRead
    return buffer.subarray(0, bytesRead)
  }
}
