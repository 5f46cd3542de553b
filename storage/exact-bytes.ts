import { finished, Transform } from 'node:stream'
import type { Readable, TransformCallback } from 'node:stream'

/**
 * Passes on a stream of a known length, and fails when it is longer or shorter. `describe` turns what went wrong
 * with the source into the error to fail with. Destroys the source when it is destroyed itself.
 */
export class ExactBytes extends Transform {
  readonly #expected: number
  readonly #describe: (problem: unknown) => Error
  #received = 0

  constructor(source: Readable, expected: number, describe: (problem: unknown) => Error) {
    super()
    this.#expected = expected
    this.#describe = describe
    finished(source, { writable: false }, (error) => {
      if (error) this.destroy(describe(error))
    })
    this.once('close', () => source.destroy())
    source.pipe(this)
  }

  /** How many bytes have come from the source so far. */
  get received(): number {
    return this.#received
  }

  override _transform(piece: Uint8Array, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#received += piece.byteLength
    if (this.#received > this.#expected) done(this.#wrongLength())
    else done(null, piece)
  }

  override _flush(done: TransformCallback): void {
    if (this.#received < this.#expected) done(this.#wrongLength())
    else done()
  }

  #wrongLength(): Error {
    const more = this.#received > this.#expected ? ' or more' : ''
    return this.#describe(new Error(`${this.#received}${more} bytes came instead of ${this.#expected}`))
  }
}
