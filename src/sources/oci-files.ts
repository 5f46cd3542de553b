import { mkdtemp, rm, stat } from 'node:fs/promises'
import { createWriteStream } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { errnoOf } from '../tree/errors.ts'
import { SourceError } from './errors.ts'
import { readSourceFile, type ReadingOptions } from './source-file.ts'
import type { SourceLimits } from './source-limits.ts'
import { readTar } from './tar-reader.ts'
import { unpack } from './unpack.ts'

/** A file of an image, wherever it is. */
export interface ImageFile {
  readonly path: string
  readonly size: number
}

/** The files that images are made of, by the names that they have in a layout or archive. */
export interface ImageFiles extends AsyncDisposable {
  /** As people named it. */
  readonly source: string
  /** Undefined when there is none of that name. */
  find(name: string): Promise<ImageFile | undefined>
}

export interface ImageFilesOptions extends ReadingOptions {
  readonly limits?: SourceLimits | undefined
}

/** Of a directory in the OCI layout, or of a tar archive, compressed or not. Throws SourceError. */
export async function openImageFiles(source: string, options: ImageFilesOptions): Promise<ImageFiles> {
  return (await isDirectory(source)) ? new DirectoryFiles(source) : ArchiveFiles.open(source, options)
}

class DirectoryFiles implements ImageFiles {
  readonly source: string

  constructor(source: string) {
    this.source = source
  }

  /** `name`: of ours, or with a digest that was checked; nothing else that a document says becomes a path. */
  async find(name: string): Promise<ImageFile | undefined> {
    const path = join(this.source, name)
    const info = await stat(path).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw unreadable(this.source, error)
    })
    if (info === undefined) return undefined
    if (info.isFile()) return { path, size: info.size }
    throw new SourceError('SOURCE_REFUSED', { source: this.source, member: name }, 'is not a regular file')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }
}

const maxMembers = 10_000
const maxLinks = 40

/** The files of an archive, unpacked into a scratch directory under numbers. */
class ArchiveFiles implements ImageFiles {
  readonly source: string
  readonly #directory: string
  readonly #files = new Map<string, ImageFile>()
  /** Symbolic links: `docker save` wrote layers that are the same once. */
  readonly #links = new Map<string, string>()

  private constructor(source: string, directory: string) {
    this.source = source
    this.#directory = directory
  }

  static async open(source: string, options: ImageFilesOptions): Promise<ArchiveFiles> {
    const files = new ArchiveFiles(source, await mkdtemp(join(tmpdir(), 'vend-image-')))
    try {
      await files.#unpack(options)
      return files
    } catch (error) {
      await files[Symbol.asyncDispose]()
      throw error
    }
  }

  find(name: string): Promise<ImageFile | undefined> {
    let at = name
    for (let count = 0; count < maxLinks; count++) {
      const target = this.#links.get(at)
      if (target === undefined) return Promise.resolve(this.#files.get(at))
      at = posix.join(posix.dirname(at), target)
    }
    throw new SourceError('SOURCE_REFUSED', { source: this.source, member: name }, 'is a circle of links')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #unpack({ limits, ...reading }: ImageFilesOptions): Promise<void> {
    const plain = unpack(readSourceFile(this.source, reading), this.source, limits)
    for await (const { entry, content } of readTar(plain, { source: this.source })) {
      if (entry.type === 'directory') continue
      if (this.#files.has(entry.path) || this.#links.has(entry.path)) {
        throw this.#error('SOURCE_CONFLICT', entry.path, 'comes twice')
      }
      if (this.#files.size + this.#links.size >= maxMembers) {
        throw this.#error('SOURCE_TOO_LARGE', entry.path, `the archive has more than ${maxMembers} members`)
      }
      if (entry.type === 'symlink') this.#links.set(entry.path, entry.target)
      else if (entry.type === 'hardlink') this.#link(entry.path, entry.target)
      else if (entry.type === 'file' && entry.sparse === undefined) await this.#add(entry.path, content)
      else throw this.#error('SOURCE_REFUSED', entry.path, 'is nothing that an image is made of')
    }
  }

  async #add(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    const path = join(this.#directory, String(this.#files.size))
    const target = createWriteStream(path, { flags: 'wx', mode: 0o600 })
    await pipeline(content, target)
    this.#files.set(name, { path, size: target.bytesWritten })
  }

  #link(name: string, target: string): void {
    const file = this.#files.get(target)
    if (file === undefined) throw this.#error('SOURCE_REFUSED', name, 'is a hard link to what is not there')
    this.#files.set(name, file)
  }

  #error(code: ConstructorParameters<typeof SourceError>[0], member: string, problem: string): SourceError {
    return new SourceError(code, { source: this.source, member }, problem)
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(source: string, error: unknown): SourceError {
  const problem =
    errnoOf(error) === 'ENOENT' ? 'is not there' : `could not be read: ${(error as Error).message}`
  return new SourceError('SOURCE_UNREADABLE', { source }, problem, error)
}
