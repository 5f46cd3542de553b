import { createZstdDecompress, type ZstdDecompress } from 'node:zlib'
import { ByteReader } from './byte-reader.ts'

const pieceBytes = 256 * 1024

/**
 * The plain bytes of one zstd frame after another (RFC 8878 §3). A decoder of Node.js ends with the frame that it
 * began with, and says nothing of what follows: several threads, and registries of images, write several frames.
 */
export async function* unpackZstd(input: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  const reader = new ByteReader(input)
  for (;;) {
    const first = await reader.readSome(pieceBytes)
    if (first.length === 0) return
    reader.unread(first)
    yield* unpackFrame(reader)
  }
}

async function* unpackFrame(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  const decoder = createZstdDecompress({ chunkSize: pieceBytes })
  const feeder = new Feeder(reader, decoder)
  feeder.feed().catch((error: unknown) => {
    decoder.destroy(error instanceof Error ? error : new Error(String(error)))
  })
  try {
    for await (const piece of decoder) yield piece as Buffer
    feeder.giveBack()
  } finally {
    decoder.destroy()
  }
}

class Feeder {
  readonly #reader: ByteReader
  readonly #decoder: ZstdDecompress
  #last: Buffer = Buffer.alloc(0)
  #fed = 0

  constructor(reader: ByteReader, decoder: ZstdDecompress) {
    this.#reader = reader
    this.#decoder = decoder
  }

  /** Until the input ends, or the frame: then the decoder leaves what follows of the last piece. */
  async feed(): Promise<void> {
    while (!this.#decoder.destroyed && this.#decoder.bytesWritten === this.#fed) {
      this.#last = await this.#reader.readSome(pieceBytes)
      if (this.#last.length === 0) {
        this.#decoder.end()
        return
      }
      this.#fed += this.#last.length
      await new Promise<void>((resolve) => {
        this.#decoder.write(this.#last, () => resolve())
      })
    }
  }

  /** What the decoder did not want of the last piece belongs to the next frame. */
  giveBack(): void {
    const unwanted = this.#fed - this.#decoder.bytesWritten
    if (unwanted > 0) this.#reader.unread(this.#last.subarray(this.#last.length - unwanted))
  }
}
