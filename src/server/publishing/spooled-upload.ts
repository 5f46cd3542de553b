import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** An upload in a file of its own, which goes when it is disposed of. */
export class SpooledUpload implements AsyncDisposable {
  readonly path: string
  readonly bytes: number
  readonly #directory: string

  private constructor(directory: string, path: string, bytes: number) {
    this.#directory = directory
    this.path = path
    this.bytes = bytes
  }

  static async receive(pieces: AsyncIterable<Uint8Array>): Promise<SpooledUpload> {
    const directory = await mkdtemp(join(tmpdir(), 'vend-upload-'))
    const path = join(directory, 'body')
    let bytes = 0
    try {
      await using file = await open(path, 'wx', 0o600)
      for await (const piece of pieces) {
        await file.write(piece)
        bytes += piece.length
      }
    } catch (error) {
      await rm(directory, { recursive: true, force: true })
      throw error
    }
    return new SpooledUpload(directory, path, bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }
}
