const bufferBytes = 512 * 1024

/** Makes few large pieces of many small ones: each write is a system call, and each digest update a call into C. */
export class GatheredWrites {
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  #filled = 0

  /** `bytes` may be used again when it returns. */
  add(bytes: Uint8Array, write: (piece: Uint8Array) => void): void {
    if (this.#filled + bytes.length > bufferBytes) this.flush(write)
    if (bytes.length > bufferBytes / 2) {
      this.flush(write)
      write(bytes)
      return
    }
    this.#buffer.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  flush(write: (piece: Uint8Array) => void): void {
    if (this.#filled === 0) return
    const piece = this.#buffer.subarray(0, this.#filled)
    this.#filled = 0
    write(piece)
  }

  /** Forgets what was not written. */
  clear(): void {
    this.#filled = 0
  }
}
