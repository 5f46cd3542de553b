import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import { SourceError, type SourceErrorCode } from './errors.ts'
import type { ImageFile, ImageFiles } from './oci-files.ts'
import type { ImageDescriptor } from './oci-schemas.ts'
import { readSourceFile } from './source-file.ts'

/** What the image-spec asks registries to take; no real document comes near. */
const maxDocumentBytes = 4 << 20

/** Registered algorithms (image-spec, "Descriptor"), and their hexadecimal digits. */
const algorithms: ReadonlyMap<string, number> = new Map([
  ['sha256', 64],
  ['sha512', 128],
])

const shownDigest = 200

/** Reads blobs of an image, each checked by its size and digest before any byte of it is looked at. */
export class ImageBlobs {
  readonly #files: ImageFiles
  readonly #signal: AbortSignal | undefined

  constructor(files: ImageFiles, signal: AbortSignal | undefined) {
    this.#files = files
    this.#signal = signal
  }

  get source(): string {
    return this.#files.source
  }

  /** Throws SourceError: SOURCE_REFUSED for a digest that is none, SOURCE_DAMAGED for a blob that is not as it says. */
  async check({ digest, size }: Pick<ImageDescriptor, 'digest' | 'size'>): Promise<ImageFile> {
    const { algorithm, hex } = this.#parse(digest)
    const name = `blobs/${algorithm}/${hex}`
    const file = await this.#files.find(name)
    if (file === undefined) throw this.error('SOURCE_DAMAGED', name, 'is missing')
    if (file.size !== size) {
      throw this.error('SOURCE_DAMAGED', name, `has ${file.size} bytes, and ${size} by what refers to it`)
    }
    const found = await this.digestOf(file, algorithm)
    if (found !== digest)
      throw this.error('SOURCE_DAMAGED', name, `has the digest ${found}: its bytes were changed`)
    return file
  }

  /** A document that a descriptor refers to, and its bytes. */
  async document<Schema extends z.ZodType>(
    descriptor: Pick<ImageDescriptor, 'digest' | 'size'>,
    schema: Schema,
    what: string,
  ): Promise<{ readonly bytes: Buffer; readonly value: z.output<Schema> }> {
    this.#refuseLong(descriptor.size, `${what} ${descriptor.digest.slice(0, shownDigest)}`)
    const file = await this.check(descriptor)
    return this.parse(file, schema, `${what} ${descriptor.digest}`)
  }

  /** A document by its name, or undefined when there is none. */
  async named<Schema extends z.ZodType>(
    name: string,
    schema: Schema,
  ): Promise<{ readonly bytes: Buffer; readonly value: z.output<Schema> } | undefined> {
    const file = await this.#files.find(name)
    if (file === undefined) return undefined
    this.#refuseLong(file.size, name)
    return this.parse(file, schema, name)
  }

  async parse<Schema extends z.ZodType>(
    file: ImageFile,
    schema: Schema,
    what: string,
  ): Promise<{ readonly bytes: Buffer; readonly value: z.output<Schema> }> {
    this.#refuseLong(file.size, what)
    const bytes = await readFile(file.path)
    const parsed = schema.safeParse(this.#json(bytes, what))
    if (parsed.success) return { bytes, value: parsed.data }
    const [issue] = parsed.error.issues
    const place = issue?.path.map(String).join('.') ?? ''
    throw this.error(
      'SOURCE_DAMAGED',
      what,
      `is not as it must be: ${place || 'it'}: ${issue?.message ?? ''}`,
    )
  }

  find(name: string): Promise<ImageFile | undefined> {
    return this.#files.find(name)
  }

  /** Of a file's bytes, with the algorithm before it. */
  async digestOf(file: ImageFile, algorithm: string): Promise<string> {
    const hash = createHash(algorithm)
    for await (const piece of readSourceFile(file.path, { signal: this.#signal })) hash.update(piece)
    return `${algorithm}:${hash.digest('hex')}`
  }

  error(code: SourceErrorCode, member: string | undefined, problem: string, cause?: unknown): SourceError {
    return new SourceError(code, { source: this.#files.source, member }, problem, cause)
  }

  #parse(digest: string): { readonly algorithm: string; readonly hex: string } {
    const [, algorithm = '', hex = ''] = /^([a-z0-9]+):([0-9a-f]+)$/.exec(digest) ?? []
    if (algorithms.get(algorithm) === hex.length && hex !== '') return { algorithm, hex }
    const shown = JSON.stringify(digest.slice(0, shownDigest))
    throw this.error(
      'SOURCE_REFUSED',
      undefined,
      `${shown} is no digest that is known; nothing is read by it`,
    )
  }

  #refuseLong(size: number, what: string): void {
    if (size <= maxDocumentBytes) return
    throw this.error(
      'SOURCE_TOO_LARGE',
      what,
      `has ${size} bytes; the limit of a document is ${maxDocumentBytes}`,
    )
  }

  #json(bytes: Buffer, what: string): unknown {
    try {
      return JSON.parse(bytes.toString('utf8'))
    } catch (error) {
      throw this.error('SOURCE_DAMAGED', what, `is no JSON: ${(error as Error).message}`, error)
    }
  }
}
