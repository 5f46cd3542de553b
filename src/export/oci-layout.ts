import { createReadStream } from 'node:fs'
import { chmod, mkdir, mkdtemp, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'
import { DigestBuilder, digestOf, hexOf, type Digest } from '../../manifests/digest.ts'
import { FileLocks } from '../../storage/file-lock.ts'
import {
  mediaTypes,
  ociLayoutFile,
  refNameAnnotation,
  type Descriptor,
  type Index,
  type IndexEntry,
} from './oci-documents.ts'
import { inTheWay, readLayout } from './read-layout.ts'

const noImages: Index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] }
const hexDigest = /^sha256:[0-9a-f]{64}$/

/**
 * A directory in the layout of the OCI image-spec that images are added to. One that is new is made beside its place
 * and moved there when it is complete; in one that is there, blobs come first and the index is replaced last. So a
 * reader never sees an image without its blobs, whenever the export ends.
 */
export class OciLayout implements AsyncDisposable {
  /** Where a new one grows, or where it is. */
  readonly #root: string
  readonly #place: string
  readonly #isNew: boolean
  readonly #index: Index | undefined
  /** Blobs that wait in the scratch directory for the commit. */
  readonly #added: { readonly path: string; readonly digest: Digest }[] = []
  /** For what is not complete yet; on the file system of the layout. */
  readonly scratch: string

  private constructor(root: string, place: string, index: Index | undefined, scratch: string) {
    this.#root = root
    this.#place = place
    this.#isNew = index === undefined
    this.#index = index
    this.scratch = scratch
  }

  /**
   * The layout at `directory`, which need not be there yet. Throws EXPORT_EXISTS when something else is, and
   * LAYOUT_DAMAGED when its index cannot be read.
   */
  static async open(directory: string): Promise<OciLayout> {
    const place = resolve(directory)
    const index = await readLayout(place)
    if (index !== undefined) {
      return new OciLayout(place, place, index, await mkdtemp(join(place, '.vend-export-')))
    }
    await mkdir(dirname(place), { recursive: true })
    const root = await mkdtemp(join(dirname(place), `.${basename(place).slice(0, 200)}-`))
    await chmod(root, 0o755)
    const scratch = join(root, '.scratch')
    await mkdir(scratch)
    return new OciLayout(root, place, undefined, scratch)
  }

  /** What its index lists. */
  get images(): readonly IndexEntry[] {
    return this.#index?.manifests ?? []
  }

  blobPath(digest: Digest): string {
    return join(this.#root, 'blobs/sha256', hexOf(digest))
  }

  /** A small blob, or undefined when it is not there, is too long, or has other bytes. */
  async findDocument(digest: string, maxBytes: number): Promise<Buffer | undefined> {
    if (!isDigest(digest)) return undefined
    const path = this.blobPath(digest)
    const info = await stat(path).catch(() => undefined)
    if (info === undefined || info.size > maxBytes) return undefined
    const bytes = await readFile(path)
    return digestOf(bytes) === digest ? bytes : undefined
  }

  /** Whether a blob is there and has the bytes that it is named after. */
  async hasBlob(
    { digest, size }: Pick<IndexEntry, 'digest' | 'size'>,
    signal?: AbortSignal,
  ): Promise<boolean> {
    if (!isDigest(digest)) return false
    const path = this.blobPath(digest)
    const info = await stat(path).catch(() => undefined)
    if (info?.isFile() !== true || info.size !== size) return false
    const built = new DigestBuilder()
    for await (const piece of createReadStream(path, { signal, highWaterMark: 1 << 18 }))
      built.add(piece as Buffer)
    return built.finish() === digest
  }

  /** Takes a file of the scratch directory in as a blob; one of these bytes that is there is left. */
  async addFile(path: string, descriptor: Descriptor): Promise<void> {
    if (await this.hasBlob(descriptor)) await rm(path)
    else this.#added.push({ path, digest: descriptor.digest })
  }

  /** Writes a document as a blob and returns what refers to it. */
  async addDocument(document: JsonValue, mediaType: string): Promise<Descriptor> {
    const bytes = Buffer.from(canonicalJson(document))
    const path = join(this.scratch, `.document-${this.#added.length}`)
    await writeFile(path, bytes, { flush: true })
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length }
    await this.addFile(path, descriptor)
    return descriptor
  }

  /**
   * Lists an image under each of `tags`, which other images lose, and makes all of it visible and durable. Throws
   * EXPORT_EXISTS when something has come to the place of a new layout meanwhile.
   */
  async commit(image: Descriptor, tags: readonly string[]): Promise<void> {
    await this.#placeBlobs()
    if (!this.#isNew) {
      // Another export may have added to it since.
      const add = async (): Promise<void> => this.#list(await readLayout(this.#place), image, tags)
      await new FileLocks(this.#root).withLock('.vend-export', add)
      return
    }
    await this.#replace('oci-layout', ociLayoutFile)
    await this.#list(undefined, image, tags)
    await rm(this.scratch, { recursive: true })
    await this.#moveToPlace()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.scratch, { recursive: true, force: true })
    if (this.#isNew) await rm(this.#root, { recursive: true, force: true })
  }

  async #placeBlobs(): Promise<void> {
    const directory = join(this.#root, 'blobs/sha256')
    await mkdir(directory, { recursive: true })
    for (const { path, digest } of this.#added) await rename(path, this.blobPath(digest))
    await syncDirectory(directory)
  }

  async #list(index: Index = noImages, image: Descriptor, tags: readonly string[]): Promise<void> {
    const manifests = withTags(index.manifests, image, tags)
    await this.#replace('index.json', canonicalJson({ ...index, manifests } as JsonValue))
    await syncDirectory(this.#root)
  }

  async #moveToPlace(): Promise<void> {
    try {
      await rename(this.#root, this.#place)
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(code)) throw inTheWay(this.#place, 'was made meanwhile')
      throw error
    }
    await syncDirectory(dirname(this.#place))
  }

  async #replace(name: string, text: string): Promise<void> {
    const path = join(this.scratch, 'replacement')
    await writeFile(path, text, { flush: true })
    await rename(path, join(this.#root, name))
  }
}

function withTags(
  entries: readonly IndexEntry[],
  image: Descriptor,
  tags: readonly string[],
): readonly IndexEntry[] {
  const tagged = tags.map((tag) => ({
    ...image,
    annotations: { ...image.annotations, [refNameAnnotation]: tag },
  }))
  const tagOf = (entry: IndexEntry): string => entry.annotations?.[refNameAnnotation] ?? ''
  const kept = entries.filter((entry) => !tags.includes(tagOf(entry)))
  return [...kept, ...tagged].sort((a, b) => (tagOf(a) < tagOf(b) ? -1 : 1))
}

function isDigest(text: string): text is Digest {
  return hexDigest.test(text)
}

async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, 'r')
  await handle.sync()
}
