import { createReadStream } from 'node:fs'
import { DigestBuilder, type Digest } from '../../manifests/digest.ts'
import type { FileEntry } from '../../manifests/entry.ts'
import type { ReleaseModule } from '../../manifests/release.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import type { Repository } from '../repository/repository.ts'
import { ByteReader } from '../sources/byte-reader.ts'
import { SourceError } from '../sources/errors.ts'
import { unpack } from '../sources/unpack.ts'
import { digested } from './digested.ts'
import { architectureOf } from './elf-architecture.ts'
import { moduleTar, planTar, type FileContents } from './module-tar.ts'
import { lengthOf } from './tar-member.ts'

/** As much as tells what a program is for. */
const headBytes = 64

/** What a blob turned out to be. */
export interface CheckedLayer {
  readonly diffId: Digest
  readonly architecture: string | undefined
}

/**
 * Whether a blob is the layer of a module: it unpacks to the archive that the manifest says, and contents have the
 * digests there. Undefined when not. What images say of their layers is whoever made them's to say: a copied image may
 * claim anything. Reads the manifest of the store, and no content.
 */
export async function checkLayer(
  repository: Repository,
  { name, module, path }: { readonly name: string; readonly module: ReleaseModule; readonly path: string },
  { signal }: CallOptions,
): Promise<CheckedLayer | undefined> {
  const plan = await planTar(repository, name, module, { signal })
  const diff = new DigestBuilder()
  // Never more of it is unpacked than the archive is long.
  const plain = unpack(createReadStream(path, { signal, highWaterMark: 1 << 18 }), path, {
    maxUnpackedBytes: Number.POSITIVE_INFINITY,
  })
  const reader = new ByteReader(digested(diff, plain))
  const contents = new LayerContents(reader)
  try {
    for await (const piece of moduleTar(repository, module, plan, { signal, contents })) {
      if (!piece.equals(await reader.read(piece.length))) return undefined
    }
    if ((await reader.read(1)).length > 0) return undefined
    return { diffId: diff.finish(), architecture: contents.architecture }
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof OtherContent || error instanceof SourceError) return undefined
    throw error
  } finally {
    await reader.close()
  }
}

class OtherContent extends Error {}

function refuseOthersThanZeros(hole: Buffer): void {
  if (hole.some((byte) => byte !== 0)) throw new OtherContent()
}

/** Reads contents out of a layer instead of the store, and hands on nothing of them. */
class LayerContents implements FileContents {
  readonly #reader: ByteReader
  architecture: string | undefined

  constructor(reader: ByteReader) {
    this.#reader = reader
  }

  // eslint-disable-next-line require-yield -- there is nothing to hand on
  async *read(file: FileEntry): AsyncGenerator<Buffer, void, undefined> {
    const length = lengthOf(file)
    const head = Buffer.from(await this.#reader.read(Math.min(headBytes, length)))
    if ((file.mode & 0o111) !== 0) this.architecture ??= architectureOf(head)
    this.#reader.unread(head)
    const digest = new DigestBuilder()
    let position = 0
    for (const [start, bytes] of file.sparse?.data ?? [[0, file.size] as const]) {
      await this.#take(start - position, refuseOthersThanZeros)
      await this.#take(bytes, (piece) => digest.add(piece))
      position = start + bytes
    }
    await this.#take(length - position, refuseOthersThanZeros)
    if (digest.finish() !== file.digest) throw new OtherContent()
  }

  async #take(bytes: number, use: (piece: Buffer) => unknown): Promise<void> {
    for (let left = bytes; left > 0;) {
      const piece = await this.#reader.readSome(left)
      if (piece.length === 0) throw new OtherContent()
      use(piece)
      left -= piece.length
    }
  }
}
