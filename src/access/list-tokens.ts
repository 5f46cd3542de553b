import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { mapInOrder } from '../map-in-order.ts'
import { readToken } from './read-token.ts'
import { tokenPrefixKey, type Token } from './token-document.ts'
import { tokenIdPattern } from './token-secret.ts'

const maxReads = 8

/** Every token, by id. Throws REPOSITORY_CORRUPT or a StoreError. */
export async function* listTokens(store: BlobReader, options: CallOptions = {}): AsyncGenerator<Token> {
  const ids: string[] = []
  for await (const { key } of store.list(tokenPrefixKey, options)) {
    const id = key.slice(tokenPrefixKey.length).replace(/\.json$/, '')
    if (tokenIdPattern.test(id)) ids.push(id)
  }
  for await (const found of mapInOrder(ids, maxReads, async (id) => readToken(store, id, options))) {
    if (found !== undefined) yield found.token
  }
}
