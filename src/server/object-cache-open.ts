import type { Logger } from 'pino'
import { DirectoryTier } from './object-cache-directory.ts'
import { ObjectCache, type CacheOutcome } from './object-cache.ts'
import type { ObjectReader } from './serve-object.ts'
import { servedObject } from './served-object.ts'

export interface CacheOptions {
  /** Of memory. */
  readonly maxBytes: number
  readonly directory?: { readonly path: string; readonly maxBytes: number } | undefined
  /** Told of every read of an object's bytes. */
  readonly onRead?: ((outcome: CacheOutcome) => void) | undefined
}

/** The store as the data plane reads it; as it is, without options. */
export function openObjectCache(
  store: ObjectReader,
  options: CacheOptions | undefined,
  { logger, now }: { readonly logger: Logger; readonly now: () => number },
): ObjectReader {
  if (options === undefined || options.maxBytes === 0) return store
  const { maxBytes, directory, onRead } = options
  return new ObjectCache(store, {
    maxBytes,
    isImmutable: (key) => servedObject(`/${key}`)?.objectClass !== undefined,
    directory:
      directory &&
      new DirectoryTier({
        directory: directory.path,
        maxBytes: directory.maxBytes,
        storeName: store.name,
        onFailure: onceAMinute(now, (err) => {
          logger.warn({ err, directory: directory.path }, 'the directory of the cache cannot be used')
        }),
      }),
    onRead,
    now,
  })
}

/** What fails for one request fails for all of them. */
function onceAMinute(now: () => number, tell: (error: unknown) => void): (error: unknown) => void {
  let toldAt = -Infinity
  return (error) => {
    if (now() - toldAt < 60_000) return
    toldAt = now()
    tell(error)
  }
}
