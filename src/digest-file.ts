import { createReadStream } from 'node:fs'
import { DigestBuilder, type Digest } from '../manifests/digest.ts'

/** Length and digest of a file, read as a stream. */
export async function digestFile(path: string): Promise<{ readonly bytes: number; readonly digest: Digest }> {
  const builder = new DigestBuilder()
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) builder.add(piece)
  return { bytes: builder.bytes, digest: builder.finish() }
}
