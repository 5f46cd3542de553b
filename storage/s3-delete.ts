import type { DeletedMany, DeleteManyOptions, FailedDelete } from './blob-store.ts'
import { isTransient } from './backoff.ts'
import { notSent, StoreError } from './errors.ts'
import { isMissingKey, s3Error } from './s3-errors.ts'
import type { Send } from './s3-multipart.ts'

/** As many as one request may name. */
const keysPerRequest = 1000

interface Where {
  readonly send: Send
  readonly bucket: string
  readonly keyPrefix: string
  /** For messages. */
  readonly store: string
}

/** Deletes a thousand keys a request. Throws the signal's reason, and faults of ours. */
export async function deleteInBatches(
  where: Where,
  keys: readonly string[],
  options: DeleteManyOptions,
): Promise<DeletedMany> {
  const batches = Array.from({ length: Math.ceil(keys.length / keysPerRequest) }, (_, index) =>
    keys.slice(index * keysPerRequest, (index + 1) * keysPerRequest),
  )
  const failed = (await Promise.all(batches.map((batch) => deleteBatch(where, batch, options)))).flat()
  return { failed, isSettled: !failed.some(({ error }) => isTransient(error)) }
}

async function deleteBatch(
  { send, bucket, keyPrefix, store }: Where,
  keys: readonly string[],
  { signal, mayStillSend }: DeleteManyOptions,
): Promise<FailedDelete[]> {
  const Delete = { Objects: keys.map((key) => ({ Key: keyPrefix + key })), Quiet: true }
  try {
    const answer = await send((s3, call) => {
      // Here, and no earlier: a request may have waited for its turn.
      if (mayStillSend?.() === false) throw notSent(store, keys[0] ?? '')
      return s3.deleteObjects({ Bucket: bucket, Delete }, call)
    }, signal)
    return (answer.Errors ?? []).flatMap(({ Key = '', Code = 'Error', Message = '' }) => {
      const key = Key.slice(keyPrefix.length)
      return isMissingKey(Code) ? [] : [{ key, error: refusal(store, key, Code, Message) }]
    })
  } catch (cause) {
    signal?.throwIfAborted()
    return keys.map((key) => {
      const error = s3Error(store, key, cause)
      if (!(error instanceof StoreError)) throw error
      return { key, error }
    })
  }
}

/** What an answer says of one key has no status of its own. */
function refusal(store: string, key: string, code: string, message: string): Error {
  const httpStatusCode = code === 'InternalError' || code === 'SlowDown' ? 503 : 400
  const error = Object.assign(new Error(message), { name: code, $metadata: { httpStatusCode } })
  return s3Error(store, key, error) as Error
}
