/** Reads a stream of pieces by counts of bytes. */
export class ByteReader {
  readonly #input: AsyncIterator<Uint8Array>
  #piece: Buffer = Buffer.alloc(0)
  #position = 0

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#input = input[Symbol.asyncIterator]()
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#position
  }

  /** The next `count` bytes; fewer only at the end. Valid until the next call. */
  async read(count: number): Promise<Buffer> {
    const first = await this.readSome(count)
    if (first.length === count || first.length === 0) return first
    const pieces = [first]
    let missing = count - first.length
    while (missing > 0) {
      const piece = await this.readSome(missing)
      if (piece.length === 0) break
      pieces.push(piece)
      missing -= piece.length
    }
    return Buffer.concat(pieces)
  }

  /** One to `limit` bytes; none at the end. */
  async readSome(limit: number): Promise<Buffer> {
    while (this.#piece.length === 0) {
      const next = await this.#input.next()
      if (next.done === true) return this.#piece
      const { buffer, byteOffset, byteLength } = next.value
      this.#piece = Buffer.from(buffer, byteOffset, byteLength)
    }
    const taken = this.#piece.subarray(0, limit)
    this.#piece = this.#piece.subarray(taken.length)
    this.#position += taken.length
    return taken
  }

  /** Gives back bytes that were read last, to be read again. */
  unread(bytes: Buffer): void {
    this.#piece = this.#piece.length === 0 ? bytes : Buffer.concat([bytes, this.#piece])
    this.#position -= bytes.length
  }

  /** Passes over `count` bytes and returns how many there were. */
  async skip(count: number): Promise<number> {
    let done = 0
    while (done < count) {
      const piece = await this.readSome(count - done)
      if (piece.length === 0) break
      done += piece.length
    }
    return done
  }

  /** All that is left, piece by piece. */
  async *rest(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const piece = await this.readSome(Number.POSITIVE_INFINITY)
      if (piece.length === 0) return
      yield piece
    }
  }

  /** Ends the input, read or not. */
  async close(): Promise<void> {
    await this.#input.return?.()
  }
}
