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

async function readBounded(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    await using file = await open(path)
    const { size } = await file.stat()
    if (size > maxBytes)
      throw new LogError('LOG_INVALID', `${path} has ${size} bytes; the limit is ${maxBytes}`)
    return await file.readFile()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
