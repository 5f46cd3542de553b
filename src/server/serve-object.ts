import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BlobBody, BlobInfo, BlobReader, ByteRange, CallOptions } from '../../storage/blob-store.ts'
import { BlobNotFoundError, RangeOutsideBlobError, StoreUnavailableError } from '../../storage/errors.ts'
import { guardSlowReader } from './guard-slow-reader.ts'
import { entityTag } from './entity-tag.ts'
import type { ServerLimits } from './limits.ts'
import { checkPreconditions, rangeApplies } from './preconditions.ts'
import { ProblemError } from './problem.ts'
import { closeSignal } from './close-signal.ts'
import { requestedRange } from './requested-range.ts'
import type { ServedObject } from './served-object.ts'

/** What serving takes of a store. */
export interface ObjectReader extends Pick<BlobReader, 'name' | 'get'> {
  /** `anew`: whatever is held of it already, the store is asked. */
  stat(key: string, options?: CallOptions & { readonly anew?: boolean }): Promise<BlobInfo | undefined>
}

export interface ObjectContext {
  readonly store: ObjectReader
  readonly limits: ServerLimits
}

/** Answers GET and HEAD of an object: a read of the store and a stream. */
export async function serveObject(
  context: ObjectContext,
  object: ServedObject,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const signal = closeSignal(res)
  try {
    const info = isPlain(req) ? undefined : await statObject(context, object, req, signal)
    if (info !== undefined && answeredByHeaders(object, info, req, res)) return
    await sendObject(context, object, { req, res, info, signal })
  } catch (error) {
    throw error instanceof BlobNotFoundError ? unknownObject(object, error) : error
  }
}

/** A request that needs no look before the read: most of a machine's. */
function isPlain({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && !Object.keys(headers).some((name) => name === 'range' || name.startsWith('if-'))
}

async function statObject(
  { store }: ObjectContext,
  object: ServedObject,
  { method }: IncomingMessage,
  signal: AbortSignal,
): Promise<BlobInfo> {
  // Who asks for no body wants to know whether it is there: publishers do, before they leave out what is.
  const info = await store.stat(object.key, { signal, anew: method === 'HEAD' })
  if (info === undefined) throw unknownObject(object)
  return info
}

function answeredByHeaders(
  object: ServedObject,
  info: BlobInfo,
  req: IncomingMessage,
  res: ServerResponse,
): boolean {
  const etag = etagOf(object, info)
  // What may be replaced twice in a second has no date that tells its contents apart.
  const modified = object.digest === undefined ? undefined : info.modified
  const verdict = checkPreconditions(req.headers, { etag, modified })
  if (verdict === 'failed') throw new ProblemError('PRECONDITION_FAILED', `the entity tag is ${etag}`)
  if (verdict === 'not-modified') {
    setValidators(object, info, res)
    res.statusCode = 304
    res.end()
    return true
  }
  if (req.method !== 'HEAD') return false
  setValidators(object, info, res)
  res.setHeader('Content-Length', info.bytes)
  res.end()
  return true
}

interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  /** What the request's range was resolved against; undefined when there can be none. */
  readonly info: BlobInfo | undefined
  readonly signal: AbortSignal
}

async function sendObject(context: ObjectContext, object: ServedObject, exchange: Exchange): Promise<void> {
  const { req, res, info, signal } = exchange
  const range = info === undefined ? undefined : resolveRange(object, info, req)
  const body = await openBody(context.store, object, { range, signal })
  if (info !== undefined && range !== undefined && info.etag !== body.info.etag) {
    body.stream.destroy()
    throw changedMeanwhile(context.store, object)
  }
  // The headers wait for the first piece, since a store that fails before it can still be answered with a problem.
  for await (const piece of body.stream as AsyncIterable<Uint8Array>) {
    if (!res.headersSent) beginBody(context, object, { info: body.info, range }, res)
    if (!res.write(piece)) await once(res, 'drain', { signal })
  }
  if (!res.headersSent) beginBody(context, object, { info: body.info, range }, res)
  res.end()
}

function resolveRange(
  object: ServedObject,
  info: BlobInfo,
  { headers }: IncomingMessage,
): ByteRange | undefined {
  if (!rangeApplies(headers['if-range'] as string | undefined, etagOf(object, info))) return undefined
  const range = requestedRange(headers.range, info.bytes)
  if (range === 'outside') throw outside(info.bytes)
  return range
}

async function openBody(
  store: ObjectReader,
  object: ServedObject,
  { range, signal }: { readonly range: ByteRange | undefined; readonly signal: AbortSignal },
): Promise<BlobBody> {
  try {
    return await store.get(object.key, { signal, ...(range !== undefined && { range }) })
  } catch (error) {
    if (error instanceof RangeOutsideBlobError) throw changedMeanwhile(store, object)
    throw error
  }
}

function beginBody(
  { limits }: ObjectContext,
  object: ServedObject,
  { info, range }: { readonly info: BlobInfo; readonly range: ByteRange | undefined },
  res: ServerResponse,
): void {
  const { start, end } = range ?? { start: 0, end: info.bytes }
  setValidators(object, info, res)
  if (range !== undefined) {
    res.statusCode = 206
    res.setHeader('Content-Range', `bytes ${start}-${end - 1}/${info.bytes}`)
  }
  res.setHeader('Content-Length', end - start)
  res.strictContentLength = true
  guardSlowReader(res, limits)
}

function setValidators(object: ServedObject, info: BlobInfo, res: ServerResponse): void {
  res.setHeader('Content-Type', object.contentType)
  res.setHeader('Cache-Control', object.caching)
  res.setHeader('ETag', etagOf(object, info))
  res.setHeader('Last-Modified', info.modified.toUTCString())
  res.setHeader('Accept-Ranges', 'bytes')
}

/**
 * The digest in a name is that of the plain bytes: a chunk may be compressed again, and then its stored length tells
 * the two apart. Where a name holds no digest of its content, only the store knows one content from the next.
 */
function etagOf({ key, digest }: ServedObject, info: BlobInfo): string {
  return digest === undefined ? entityTag(key, info.etag) : `"${digest}-${info.bytes}"`
}

function unknownObject({ key }: ServedObject, cause?: unknown): ProblemError {
  return new ProblemError('OBJECT_UNKNOWN', `there is no ${key}`, { cause })
}

function outside(bytes: number): ProblemError {
  return new ProblemError('RANGE_NOT_SATISFIABLE', `the object has ${bytes} bytes`, {
    headers: { 'Content-Range': `bytes */${bytes}` },
  })
}

function changedMeanwhile(store: ObjectReader, { key }: ServedObject): StoreUnavailableError {
  return new StoreUnavailableError(store.name, key, 'was replaced while it was read', { transient: true })
}
