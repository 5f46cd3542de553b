import type { Body, BodyStart, Mirror } from './mirror.ts'

/** The body of one object, across tries and mirrors. */
export class Download {
  readonly maxBytes: number
  /** One buffer, however small the pieces are in which a server sends the body. */
  #buffer = Buffer.alloc(0)
  #received = 0
  #etag: string | undefined
  #total: number | undefined
  readonly #sources = new Set<Mirror>()

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  get complete(): boolean {
    return this.#total === undefined || this.#received === this.#total
  }

  /** Whom all the bytes are of; undefined when there are several. */
  get source(): Mirror | undefined {
    const [first, second] = this.#sources
    return second === undefined ? first : undefined
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#received)
  }

  get resume(): BodyStart | undefined {
    if (this.#received > 0 && this.#etag !== undefined) return { at: this.#received, etag: this.#etag }
    this.restart()
    return undefined
  }

  begin({ start, etag, total, mirror }: Body): void {
    if (start === 0) this.restart()
    this.#sources.add(mirror)
    this.#etag = etag
    this.#total = total
  }

  restart(): void {
    this.#received = 0
    this.#sources.clear()
  }

  /** False when the body is too long. */
  add(piece: Buffer): boolean {
    const received = this.#received + piece.length
    if (received > this.maxBytes) return false
    if (received > this.#buffer.length) this.#grow(received)
    piece.copy(this.#buffer, this.#received)
    this.#received = received
    return true
  }

  #grow(needed: number): void {
    const announced = Math.min(this.#total ?? 0, this.maxBytes)
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, announced, Math.min(2 * needed, this.maxBytes)))
    this.#buffer.copy(larger, 0, 0, this.#received)
    this.#buffer = larger
  }
}
