import type { BlobStore, ByteRange } from '../../storage/blob-store.ts'

/** The whole blob, or the range of it. */
export async function contentOf(store: BlobStore, key: string, range?: ByteRange): Promise<Buffer> {
  const { stream } = await store.get(key, range === undefined ? {} : { range })
  return Buffer.concat((await stream.toArray()) as Uint8Array[])
}

/** What a list yields, in its order. */
export async function keysIn(store: BlobStore, prefix: string, after?: string): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of store.list(prefix, after === undefined ? {} : { after })) keys.push(key)
  return keys
}

export function text(content: string): Uint8Array {
  return Buffer.from(content)
}

/** For sorting as a list must be sorted. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
