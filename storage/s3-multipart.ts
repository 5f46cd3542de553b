import type { S3 } from '@aws-sdk/client-s3'
import type { PutBody } from './blob-store.ts'
import { bodyLength, openBody } from './put-body.ts'

export interface CallSettings {
  readonly abortSignal?: AbortSignal
}

/** Sends one request when it is its turn. */
export type Send = <T>(
  request: (s3: S3, settings: CallSettings) => Promise<T>,
  signal: AbortSignal | undefined,
) => Promise<T>

export interface PartedUpload {
  readonly send: Send
  readonly target: { readonly Bucket: string; readonly Key: string }
  readonly headers: { readonly ContentType?: string | undefined; readonly CacheControl?: string | undefined }
  readonly body: PutBody
  readonly partBytes: number
  /** For messages. */
  readonly store: string
  readonly key: string
}

const maxParts = 10_000
const partsAtOnce = 4

/**
 * Stores a body part by part; it becomes visible at the end, as a whole. When anything fails, the other parts are
 * given up and the upload is aborted, so that no parts are left to be paid for. Resolves to the server's ETag, which
 * some leave out.
 */
export async function uploadInParts(
  upload: PartedUpload,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const { send, target, headers } = upload
  // Without the signal: an upload whose id was never learnt could not be aborted.
  const begin = { ...target, ...headers }
  const { UploadId } = await send((s3, call) => s3.createMultipartUpload(begin, call), undefined)
  try {
    signal?.throwIfAborted()
    const MultipartUpload = { Parts: await sendParts(upload, UploadId, signal) }
    const complete = { ...target, UploadId, MultipartUpload }
    const { ETag } = await send((s3, call) => s3.completeMultipartUpload(complete, call), signal)
    return ETag
  } catch (error) {
    // What failed first is what the caller needs to know; a bucket's lifecycle rule is the second broom.
    await send((s3, call) => s3.abortMultipartUpload({ ...target, UploadId }, call), undefined).catch(
      () => undefined,
    )
    throw error
  }
}

interface SentPart {
  readonly PartNumber: number
  readonly ETag: string | undefined
}

async function sendParts(
  upload: PartedUpload,
  uploadId: string | undefined,
  signal: AbortSignal | undefined,
): Promise<SentPart[]> {
  const bytes = bodyLength(upload.body)
  const partBytes = Math.max(upload.partBytes, Math.ceil(bytes / maxParts))
  const starts = Array.from({ length: Math.ceil(bytes / partBytes) }, (_, index) => index * partBytes)
  const waiting = starts.entries()
  const sent: SentPart[] = []
  const failure = new AbortController()
  const stop = signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal])
  const sendWaiting = async (): Promise<void> => {
    for (const [index, start] of waiting) {
      stop.throwIfAborted()
      const Body = await readPart(upload, start, Math.min(start + partBytes, bytes))
      const part = { ...upload.target, UploadId: uploadId, PartNumber: index + 1, Body }
      const { ETag } = await upload.send((s3, call) => s3.uploadPart(part, call), stop)
      sent[index] = { PartNumber: index + 1, ETag }
    }
  }
  const senders = Array.from({ length: partsAtOnce }, async () => {
    await sendWaiting().catch((error: unknown) => failure.abort(error))
  })
  await Promise.all(senders)
  failure.signal.throwIfAborted()
  return sent
}

async function readPart({ body, store, key }: PartedUpload, start: number, end: number): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body.subarray(start, end)
  const pieces: Uint8Array[] = []
  for await (const piece of await openBody(store, key, body, { start, end })) pieces.push(piece as Uint8Array)
  return Buffer.concat(pieces)
}
