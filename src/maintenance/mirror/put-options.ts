import type { PutOptions } from '../../../storage/blob-store.ts'
import { checkpointKey, immutableCaching, revalidatedCaching, timestampKey } from '../../repository/layout.ts'

/** What those who read from a bucket directly are told of an object: the same as its publisher says. */
export function putOptionsOf(key: string): Pick<PutOptions, 'contentType' | 'cacheControl'> {
  if (key === checkpointKey)
    return { contentType: 'text/plain; charset=utf-8', cacheControl: revalidatedCaching }
  if (key === timestampKey) return { contentType: 'application/json', cacheControl: revalidatedCaching }
  if (key.startsWith('private/')) return {}
  return { contentType: contentTypeOf(key), cacheControl: immutableCaching }
}

function contentTypeOf(key: string): string {
  if (key.endsWith('.json')) return 'application/json'
  return key.endsWith('.cacnk') || key.endsWith('.zst') ? 'application/zstd' : 'application/octet-stream'
}
