import type { IncomingMessage } from 'node:http'
import type { ServerLimits } from '../limits.ts'
import { ProblemError } from '../problem.ts'

export interface UploadOptions {
  readonly limits: Pick<ServerLimits, 'idleResponseTimeoutMs' | 'minBytesPerSecond'>
  /** Told of each piece; throws where it is more than somebody may send. */
  readonly onBytes?: ((bytes: number) => void) | undefined
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
}

/**
 * A request's body as it arrives. What the sender lets us wait is counted, and not what it has to wait for us: it may
 * stand still for the idle time of a response, and send no slower than that allows. Throws UPLOAD_TOO_SLOW, and an
 * AbortError when the connection is cut.
 */
export async function* readUpload(
  req: IncomingMessage,
  { limits, onBytes, now }: UploadOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const pieces = (req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  const { idleResponseTimeoutMs, minBytesPerSecond } = limits
  let leftMs = idleResponseTimeoutMs
  try {
    for (;;) {
      const began = now()
      const piece = await within(pieces.next(), Math.min(leftMs, idleResponseTimeoutMs))
      leftMs -= now() - began
      if (piece.done === true) break
      leftMs += (piece.value.length / minBytesPerSecond) * 1000
      onBytes?.(piece.value.length)
      yield piece.value
    }
  } catch (error) {
    throw req.destroyed || req.errored !== null ? senderLeft(error) : error
  }
  if (!req.complete) throw senderLeft(undefined)
}

/** The whole of a short body, whose length `checkBody` saw. */
export async function readShortUpload(req: IncomingMessage, options: UploadOptions): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of readUpload(req, options)) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(tooSlow()), ms)
  promise.catch(() => undefined)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

function tooSlow(): ProblemError {
  return new ProblemError('UPLOAD_TOO_SLOW', 'the body stands still, or comes too slowly', {
    headers: { Connection: 'close' },
  })
}

function senderLeft(cause: unknown): DOMException {
  const left = new DOMException('whoever sent the body left', 'AbortError')
  Object.defineProperty(left, 'cause', { value: cause, configurable: true })
  return left
}
