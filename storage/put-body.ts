import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { ByteRange, PutBody } from './blob-store.ts'
import { BodyUnreadableError, StoreUnavailableError } from './errors.ts'
import { FileSlice } from './file-slice.ts'

/** The length of a body as it was declared. */
export function bodyLength(body: PutBody): number {
  return body instanceof Uint8Array ? body.byteLength : body.bytes
}

/** The whole body in memory. Throws a BodyUnreadableError. */
export async function readBody(store: string, key: string, body: PutBody): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body
  const pieces: Uint8Array[] = []
  for await (const piece of await openBody(store, key, body)) pieces.push(piece as Uint8Array)
  return Buffer.concat(pieces)
}

/** A body's bytes piece by piece. Throws a BodyUnreadableError. */
export async function* bodyPieces(store: string, key: string, body: PutBody): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) yield body
  else yield* (await openBody(store, key, body)) as AsyncIterable<Uint8Array>
}

/** A stream of the body's file, or of a part of it. Throws a BodyUnreadableError, and the stream fails with one. */
export async function openBody(
  store: string,
  key: string,
  body: Exclude<PutBody, Uint8Array>,
  range: ByteRange = { start: 0, end: body.bytes },
): Promise<FileSlice> {
  const describe = (problem: unknown): Error => unreadable(store, key, body.path, problem)
  let handle: FileHandle | undefined
  try {
    handle = await open(body.path, 'r')
    await checkLength(handle, body.bytes)
    return new FileSlice(handle, range, describe)
  } catch (error) {
    await handle?.close()
    throw describe(error)
  }
}

async function checkLength(handle: FileHandle, bytes: number): Promise<void> {
  const stats = await handle.stat()
  if (!stats.isFile()) throw new Error('not a regular file')
  if (stats.size !== bytes) throw new Error(`has ${stats.size} bytes instead of ${bytes}`)
}

function unreadable(store: string, key: string, path: string, problem: unknown): Error {
  const text = problem instanceof Error ? problem.message : String(problem)
  const code = (problem as NodeJS.ErrnoException).code
  if (code === 'EMFILE' || code === 'ENFILE') {
    return new StoreUnavailableError(store, key, text, { transient: true, cause: problem })
  }
  return new BodyUnreadableError(store, key, `its body, the file ${path}, cannot be read: ${text}`, problem)
}
