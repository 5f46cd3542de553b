import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogCopy } from '../maintenance/audit-log.ts'
import { LogError } from '../transparency/errors.ts'

/** A copy of a log below a directory or a URL. It ends what it has opened. */
export async function openLogCopy(place: string, signal: AbortSignal): Promise<LogCopy & AsyncDisposable> {
  if (!/^https?:\/\//.test(place)) {
    const read: LogCopy['read'] = async (path, maxBytes) => readBounded(join(place, 'log', path), maxBytes)
    return { name: place, read, [Symbol.asyncDispose]: async () => undefined }
  }
  const { HttpFetcher } = await import('../client/http-fetcher.ts')
  const fetcher = new HttpFetcher({ baseUrl: place.endsWith('/') ? place : `${place}/` })
  return {
    name: place,
    read: async (path, maxBytes) => fetcher.fetch(`log/${path}`, { maxBytes, signal }),
    [Symbol.asyncDispose]: async () => fetcher[Symbol.asyncDispose](),
  }
}

/** Of whoever made the copy: a fifo or a device in the place of a file must not hold us, nor one that grows. */
async function readBounded(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stat = await file.stat()
    if (!stat.isFile()) throw new LogError('LOG_INVALID', `${path} is no file`)
    if (stat.size > maxBytes)
      throw new LogError('LOG_INVALID', `${path} has ${stat.size} bytes; the limit is ${maxBytes}`)
    const bytes = Buffer.alloc(stat.size)
    const { bytesRead } = await file.read(bytes, 0, stat.size, 0)
    return bytes.subarray(0, bytesRead)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
