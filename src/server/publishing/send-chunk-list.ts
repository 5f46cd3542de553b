import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { digestFromHex, digestToBytes } from '../../../manifests/digest.ts'
import type { BlobReader } from '../../../storage/blob-store.ts'
import { chunkHexOf, chunkKey, chunkPrefix } from '../../repository/layout.ts'
import { closeSignal } from '../close-signal.ts'
import type { ServerLimits } from '../limits.ts'

const digestsTogether = 1024

/**
 * The digests of all chunks in the store, 32 bytes each, ascending: what a publisher asks for when one before it may have
 * died. `?after=<hex>`: only those after that one, for a list that broke off. It ends with 32 zero bytes.
 */
export async function sendChunkList(
  { req, res }: { readonly req: IncomingMessage; readonly res: ServerResponse },
  { store, limits }: { readonly store: BlobReader; readonly limits: ServerLimits },
): Promise<void> {
  const signal = closeSignal(res)
  res.setTimeout(limits.idleResponseTimeoutMs, () => res.destroy())
  const after = new URL(req.url ?? '/', 'http://server').searchParams.get('after')
  res.setHeader('Content-Type', 'application/octet-stream')
  res.setHeader('Cache-Control', 'no-store')
  if (req.method === 'HEAD') {
    res.end()
    return
  }
  const write = async (bytes: Buffer): Promise<void> => {
    if (!res.write(bytes)) await once(res, 'drain', { signal })
  }
  let digests: Uint8Array[] = []
  const start = after === null ? {} : { after: chunkKey(digestFromHex(after)) }
  for await (const { key } of store.list(chunkPrefix, { signal, ...start })) {
    const hex = chunkHexOf(key)
    if (hex === undefined) continue
    digests.push(digestToBytes(digestFromHex(hex)))
    if (digests.length < digestsTogether) continue
    await write(Buffer.concat(digests))
    digests = []
  }
  res.end(Buffer.concat([...digests, Buffer.alloc(32)]))
}
