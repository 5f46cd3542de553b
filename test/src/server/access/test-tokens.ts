import type { BlobStore } from '../../../../storage/blob-store.ts'
import { createToken, type TokenRequest } from '../../../../src/access/create-token.ts'
import type { Grant } from '../../../../src/access/grant.ts'

export interface TestToken {
  readonly id: string
  readonly text: string
  /** Of a request that shows it. */
  readonly headers: { readonly Authorization: string }
}

/** A token in the store of a test, good for an hour. */
export async function makeToken(
  store: BlobStore,
  grants: readonly Grant[],
  { now = new Date(), ...request }: Partial<TokenRequest> & { readonly now?: Date } = {},
): Promise<TestToken> {
  const made = await createToken({ name: 'test', grants, lifetimeSeconds: 3600, ...request }, { store, now })
  return { id: made.token.id, text: made.text, headers: { Authorization: `Bearer ${made.text}` } }
}
