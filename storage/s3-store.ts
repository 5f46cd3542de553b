import type { Readable } from 'node:stream'
import type { S3 } from '@aws-sdk/client-s3'
import { destroyOnAbort, orAborted } from './abort.ts'
import { checkKey, checkPrefix, isKey } from './blob-key.ts'
import type {
  BlobBody,
  BlobInfo,
  BlobStore,
  ByteRange,
  CallOptions,
  DeletedMany,
  DeleteManyOptions,
  PutBody,
  PutOptions,
} from './blob-store.ts'
import { checkRange, resolveRange } from './byte-range.ts'
import {
  BlobChangedError,
  BlobExistsError,
  BlobNotFoundError,
  RangeOutsideBlobError,
  StoreUnavailableError,
} from './errors.ts'
import { ExactBytes } from './exact-bytes.ts'
import { Limiter } from './limiter.ts'
import { bodyLength, openBody } from './put-body.ts'
import { isAws, openClient, type S3StoreOptions } from './s3-client.ts'
import { deleteInBatches } from './s3-delete.ts'
import { hasStatus, isMissingBucket, s3Error } from './s3-errors.ts'
import { uploadInParts } from './s3-multipart.ts'
import type { CallSettings } from './s3-multipart.ts'

interface WriteConditions {
  readonly IfNoneMatch?: '*'
  readonly IfMatch?: string
}

const mebibyte = 1024 * 1024

/**
 * Blobs as objects of a bucket, on AWS or any server that has its conditional writes. Does not retry: wrap it in a
 * RetryingStore. `modified` in the answer to a write is this machine's clock.
 */
export class S3Store implements BlobStore {
  readonly name: string
  readonly #options: S3StoreOptions
  readonly #keyPrefix: string
  readonly #etagQuotes: boolean
  readonly #limiter: Limiter
  #client: Promise<S3> | undefined
  #bucketSeen = false

  constructor(options: S3StoreOptions) {
    const { bucket, prefix = '', endpoint } = options
    this.#options = options
    this.#keyPrefix = prefix === '' ? '' : `${prefix}/`
    this.#etagQuotes = options.etagQuotes ?? (endpoint === undefined || isAws(endpoint))
    this.#limiter = new Limiter(options.concurrency ?? 32)
    this.name = `s3://${bucket}${prefix && `/${prefix}`}${endpoint === undefined ? '' : `?endpoint=${endpoint}`}`
  }

  async stat(key: string, { signal }: CallOptions = {}): Promise<BlobInfo | undefined> {
    return this.#call(key, signal, async () => {
      const head = await this.#head(key, signal)
      if (head === undefined) await this.#expectBucket(signal)
      return head && this.#info(key, head.ContentLength, head.ETag, head.LastModified)
    })
  }

  async get(key: string, options: CallOptions & { readonly range?: ByteRange } = {}): Promise<BlobBody> {
    const { range, signal } = options
    if (range !== undefined) checkRange(range)
    return this.#call(key, signal, async () => {
      const answer = await this.#getObject(key, range, signal)
      const total = answer.ContentRange?.split('/')[1] ?? answer.ContentLength
      const info = this.#info(key, Number(total), answer.ETag, answer.LastModified)
      const wanted = this.#wantedRange(key, range, info, answer)
      const describe = (problem: unknown): Error => this.#brokenBody(key, problem)
      const stream = new ExactBytes(answer.Body as Readable, wanted.end - wanted.start, describe)
      return { info, stream: destroyOnAbort(stream, signal) }
    })
  }

  async *list(
    prefix: string,
    { signal, after }: CallOptions & { readonly after?: string } = {},
  ): AsyncIterable<BlobInfo> {
    checkPrefix(this.name, prefix)
    const query = {
      Bucket: this.#options.bucket,
      Prefix: this.#keyPrefix + prefix,
      StartAfter: after === undefined ? undefined : this.#keyPrefix + after,
    }
    let ContinuationToken: string | undefined
    do {
      const page = await this.#call(undefined, signal, async () => {
        return this.#send((s3, call) => s3.listObjectsV2({ ...query, ContinuationToken }, call), signal)
      })
      for (const { Key = '', Size, ETag, LastModified } of page.Contents ?? []) {
        signal?.throwIfAborted()
        const key = Key.slice(this.#keyPrefix.length)
        if (isKey(key)) yield this.#info(key, Size, ETag, LastModified)
      }
      ContinuationToken = page.NextContinuationToken
    } while (ContinuationToken !== undefined)
  }

  async put(key: string, body: PutBody, options: PutOptions = {}): Promise<BlobInfo> {
    return this.#call(key, options.signal, async () => {
      const parted = bodyLength(body) > (this.#options.multipartAboveBytes ?? 16 * mebibyte)
      const etag = parted
        ? await this.#putInParts(key, body, options)
        : await this.#putObject(key, body, options)
      return this.#written(key, body, etag, options.signal)
    })
  }

  async create(key: string, body: PutBody, options: PutOptions = {}): Promise<BlobInfo> {
    return this.#call(key, options.signal, async () => {
      await this.#sparePointlessUpload(key, body, options.signal)
      try {
        const etag = await this.#putObject(key, body, options, { IfNoneMatch: '*' })
        return await this.#written(key, body, etag, options.signal)
      } catch (error) {
        throw hasStatus(error, 412) ? new BlobExistsError(this.name, key, error) : error
      }
    })
  }

  async replace(key: string, body: Uint8Array, etag: string, options: PutOptions = {}): Promise<BlobInfo> {
    return this.#call(key, options.signal, async () => {
      const IfMatch = this.#etagQuotes ? `"${etag}"` : etag
      try {
        const newEtag = await this.#putObject(key, body, options, { IfMatch })
        return await this.#written(key, body, newEtag, options.signal)
      } catch (error) {
        const changed = hasStatus(error, 412) || (hasStatus(error, 404) && !isMissingBucket(error))
        throw changed ? new BlobChangedError(this.name, key, error) : error
      }
    })
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    await this.#call(key, signal, async () => {
      try {
        await this.#send((s3, call) => s3.deleteObject(this.#target(key), call), signal)
      } catch (error) {
        if (!hasStatus(error, 404) || isMissingBucket(error)) throw error
      }
    })
  }

  async deleteMany(keys: readonly string[], options: DeleteManyOptions = {}): Promise<DeletedMany> {
    for (const key of keys) checkKey(this.name, key)
    options.signal?.throwIfAborted()
    const { bucket } = this.#options
    const where = { send: this.#send.bind(this), bucket, keyPrefix: this.#keyPrefix, store: this.name }
    return deleteInBatches(where, keys, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client
    this.#client = undefined
    ;(await client)?.destroy()
  }

  /** The frame of every call: arguments checked, errors in the contract's terms. */
  async #call<T>(
    key: string | undefined,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    if (key !== undefined) checkKey(this.name, key)
    signal?.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      signal?.throwIfAborted()
      throw s3Error(this.name, key ?? '', error)
    }
  }

  async #send<T>(
    request: (s3: S3, settings: CallSettings) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    this.#client ??= openClient(this.#options)
    const s3 = await this.#client
    const settings = signal === undefined ? {} : { abortSignal: signal }
    return this.#limiter.run(async () => orAborted(request(s3, settings), signal), signal)
  }

  #target(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#options.bucket, Key: this.#keyPrefix + key }
  }

  async #head(key: string, signal: AbortSignal | undefined) {
    try {
      return await this.#send((s3, call) => s3.headObject(this.#target(key), call), signal)
    } catch (error) {
      if (hasStatus(error, 404)) return undefined
      throw error
    }
  }

  /** The answer to a HEAD has no body that could tell a missing bucket from a missing blob. */
  async #expectBucket(signal: AbortSignal | undefined): Promise<void> {
    if (this.#bucketSeen) return
    try {
      await this.#send((s3, call) => s3.headBucket({ Bucket: this.#options.bucket }, call), signal)
      this.#bucketSeen = true
    } catch (error) {
      if (!hasStatus(error, 404)) throw error
      throw this.#unavailable('', 'the bucket does not exist', false, error)
    }
  }

  async #getObject(key: string, range: ByteRange | undefined, signal: AbortSignal | undefined) {
    const Range = range && `bytes=${range.start}-${Number.isFinite(range.end) ? range.end - 1 : ''}`
    try {
      return await this.#send((s3, call) => s3.getObject({ ...this.#target(key), Range }, call), signal)
    } catch (error) {
      if (hasStatus(error, 416)) throw await this.#outside(key, signal)
      if (hasStatus(error, 404) && !isMissingBucket(error)) throw new BlobNotFoundError(this.name, key, error)
      throw error
    }
  }

  async #outside(key: string, signal: AbortSignal | undefined): Promise<Error> {
    const head = await this.#head(key, signal)
    if (head === undefined) return new BlobNotFoundError(this.name, key)
    return new RangeOutsideBlobError(this.name, key, head.ContentLength ?? 0)
  }

  /** Some servers answer an empty blob whole instead of with 416. */
  #wantedRange(
    key: string,
    range: ByteRange | undefined,
    info: BlobInfo,
    answer: { readonly ContentLength?: number | undefined; readonly Body?: unknown },
  ): ByteRange {
    try {
      const wanted = resolveRange(this.name, key, range, info.bytes)
      if (answer.ContentLength === wanted.end - wanted.start) return wanted
      throw this.#unavailable(key, `answered ${answer.ContentLength} bytes instead of the range's`, false)
    } catch (error) {
      ;(answer.Body as Readable).destroy()
      throw error
    }
  }

  async #putObject(
    key: string,
    body: PutBody,
    options: PutOptions,
    conditions: WriteConditions = {},
  ): Promise<string | undefined> {
    const request = { ...this.#target(key), ...headersOf(options), ...conditions }
    const { signal } = options
    if (body instanceof Uint8Array || body.bytes === 0) {
      const Body = body instanceof Uint8Array ? body : new Uint8Array(0)
      return (await this.#send((s3, call) => s3.putObject({ ...request, Body }, call), signal)).ETag
    }
    const stream = await openBody(this.name, key, body)
    // The client does not notice when the stream of a request's body fails: it would wait for the answer.
    const broken = new AbortController()
    stream.once('error', (error) => broken.abort(error))
    const either = signal === undefined ? broken.signal : AbortSignal.any([signal, broken.signal])
    try {
      const whole = { ...request, Body: stream, ContentLength: body.bytes }
      return (await this.#send((s3, call) => s3.putObject(whole, call), either)).ETag
    } finally {
      stream.destroy()
    }
  }

  async #putInParts(key: string, body: PutBody, options: PutOptions): Promise<string | undefined> {
    const upload = {
      send: this.#send.bind(this),
      target: this.#target(key),
      headers: headersOf(options),
      body,
      partBytes: this.#options.partBytes ?? 8 * mebibyte,
      store: this.name,
      key,
    }
    return uploadInParts(upload, options.signal)
  }

  /** A server may answer "exists" only after it has received the whole body. */
  async #sparePointlessUpload(key: string, body: PutBody, signal: AbortSignal | undefined): Promise<void> {
    if (bodyLength(body) < mebibyte) return
    if ((await this.#head(key, signal)) !== undefined) throw new BlobExistsError(this.name, key)
  }

  async #written(
    key: string,
    body: PutBody,
    etag: string | undefined,
    signal: AbortSignal | undefined,
  ): Promise<BlobInfo> {
    const known = etag || (await this.#head(key, signal))?.ETag
    return this.#info(key, bodyLength(body), known, new Date())
  }

  #info(
    key: string,
    bytes: number | undefined,
    etag: string | undefined,
    modified: Date | undefined,
  ): BlobInfo {
    this.#bucketSeen = true
    if (bytes === undefined || !Number.isSafeInteger(bytes) || !etag || modified === undefined) {
      throw this.#unavailable(key, 'the server left out its length, ETag or date', false)
    }
    return { key, bytes, etag: etag.replaceAll('"', ''), modified }
  }

  #brokenBody(key: string, problem: unknown): Error {
    const error = s3Error(this.name, key, problem)
    if (error instanceof StoreUnavailableError) return error
    const text = problem instanceof Error ? problem.message : String(problem)
    return this.#unavailable(key, `the body broke off: ${text}`, true, problem)
  }

  #unavailable(key: string, problem: string, transient: boolean, cause?: unknown): Error {
    return new StoreUnavailableError(this.name, key, problem, { transient, cause })
  }
}

function headersOf({ contentType, cacheControl }: PutOptions) {
  return { ContentType: contentType, CacheControl: cacheControl }
}
