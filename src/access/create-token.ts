import type { BlobStore } from '../../storage/blob-store.ts'
import type { Grant } from './grant.ts'
import type { AccessLimits } from './principal.ts'
import { decodeToken, encodeToken, tokenKey, type Token } from './token-document.ts'
import { hashToken, makeTokenSecret } from './token-secret.ts'

export interface TokenRequest {
  readonly name: string
  readonly grants: readonly Grant[]
  /** From now on; `maxTokenSeconds` at most. */
  readonly lifetimeSeconds: number
  readonly limits?: AccessLimits
}

/** A leaked token that nobody missed is worth nothing after a year. */
export const maxTokenSeconds = 366 * 86_400

/**
 * Makes a token, and stores all of it but its text: whoever wants that must take it from here. Throws a StoreError, or
 * a FormatError for what no token can have.
 */
export async function createToken(
  { name, grants, lifetimeSeconds, limits = {} }: TokenRequest,
  { store, now }: { readonly store: BlobStore; readonly now: Date },
): Promise<{ readonly token: Token; readonly text: string }> {
  if (!(lifetimeSeconds > 0 && lifetimeSeconds <= maxTokenSeconds)) {
    throw new RangeError(`a token is good for ${maxTokenSeconds} seconds at most`)
  }
  const { id, text } = makeTokenSecret()
  const created = wholeSecond(now)
  const expires = new Date(created.getTime() + lifetimeSeconds * 1000)
  const token = { id, name, grants, created, expires, revoked: undefined, limits, hash: hashToken(text) }
  const bytes = Buffer.from(encodeToken(token))
  // Nothing is stored that could not be read again.
  decodeToken(bytes)
  await store.create(tokenKey(id), bytes, { contentType: 'application/json' })
  return { token, text }
}

function wholeSecond(instant: Date): Date {
  return new Date(Math.floor(instant.getTime() / 1000) * 1000)
}
