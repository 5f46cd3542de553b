import { digestFromBytes, digestFromHex, type Digest } from '../../manifests/digest.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { StoreUnavailableError } from '../../storage/errors.ts'
import { digestBytes } from './chunk-frames.ts'
import { hexOf } from '../../manifests/digest.ts'
import type { RemoteConnection } from './remote-connection.ts'

/** The chunks that a server has, ascending. A list that breaks off goes on where it was. */
export async function* remoteChunkList(
  connection: RemoteConnection,
  { signal, after }: CallOptions & { readonly after?: Digest | undefined },
): AsyncGenerator<Digest, void, undefined> {
  let last = after
  for (let failures = 0; ;) {
    try {
      for await (const digest of oneList(connection, last, signal)) {
        if (digest === undefined) return
        last = digest
        failures = 0
        yield digest
      }
      throw new StoreUnavailableError(connection.name, 'v1/chunks', 'the list broke off', { transient: true })
    } catch (error) {
      failures++
      await connection.backoff.wait(failures, error, signal)
    }
  }
}

const end = digestFromHex('0'.repeat(64))

/** Undefined at the end of the list. */
async function* oneList(
  connection: RemoteConnection,
  after: Digest | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<Digest | undefined, void, undefined> {
  const query = after === undefined ? '' : `?after=${hexOf(after)}`
  const { body } = await connection.once({
    method: 'GET',
    path: `v1/chunks${query}`,
    needsToken: true,
    signal,
  })
  let held = Buffer.alloc(0)
  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      const bytes = held.length === 0 ? piece : Buffer.concat([held, piece])
      const whole = bytes.length - (bytes.length % digestBytes)
      for (let at = 0; at < whole; at += digestBytes) {
        const digest = digestFromBytes(bytes.subarray(at, at + digestBytes))
        yield digest === end ? undefined : digest
      }
      held = Buffer.from(bytes.subarray(whole))
    }
  } catch (cause) {
    signal?.throwIfAborted()
    const problem = (cause as Error).message
    throw new StoreUnavailableError(connection.name, 'v1/chunks', problem, { transient: true, cause })
  } finally {
    body.destroy()
  }
}
