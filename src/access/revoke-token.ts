import type { BlobStore } from '../../storage/blob-store.ts'
import { BlobChangedError } from '../../storage/errors.ts'
import { readToken } from './read-token.ts'
import { encodeToken, tokenKey, type Token } from './token-document.ts'
import { TokenUnknownError } from './token-unknown-error.ts'

const maxTries = 32

/**
 * Ends a token for ever; front ends learn of it within `tokenValidForMs`. One that is revoked already stays as it is.
 * Throws TOKEN_UNKNOWN, REPOSITORY_CORRUPT or a StoreError.
 */
export async function revokeToken(
  id: string,
  { store, now }: { readonly store: BlobStore; readonly now: Date },
): Promise<Token> {
  for (let tries = 1; ; tries++) {
    const found = await readToken(store, id)
    if (found === undefined) throw new TokenUnknownError(id)
    if (found.token.revoked !== undefined) return found.token
    const revoked = { ...found.token, revoked: new Date(Math.floor(now.getTime() / 1000) * 1000) }
    const bytes = Buffer.from(encodeToken(revoked))
    try {
      await store.replace(tokenKey(id), bytes, found.info.etag, { contentType: 'application/json' })
      return revoked
    } catch (error) {
      if (!(error instanceof BlobChangedError) || tries === maxTries) throw error
    }
  }
}
