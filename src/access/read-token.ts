import { FormatError } from '../../manifests/errors.ts'
import type { BlobInfo, BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { RepositoryError } from '../repository/errors.ts'
import { readBlob } from '../repository/read-blob.ts'
import { decodeToken, tokenKey, type Token } from './token-document.ts'

const maxTokenBytes = 200_000

/** Undefined where there is no such token. Throws REPOSITORY_CORRUPT, or a StoreError. */
export async function readToken(
  store: BlobReader,
  id: string,
  options: CallOptions = {},
): Promise<{ readonly token: Token; readonly info: BlobInfo } | undefined> {
  const key = tokenKey(id)
  const blob = await readBlob(store, key, { ...options, maxBytes: maxTokenBytes })
  if (blob === undefined) return undefined
  try {
    const token = decodeToken(blob.bytes)
    if (token.id !== id) throw new FormatError('FORMAT_INVALID', 'token', `is ${token.id}`, { place: 'id' })
    return { token, info: blob.info }
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause
    throw new RepositoryError('REPOSITORY_CORRUPT', `${store.name}: ${key}: ${cause.message}`, {
      hint: 'delete it, which revokes the token, and create another',
      cause,
    })
  }
}
