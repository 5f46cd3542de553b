import { zstdCompressSync } from 'node:zlib'
import { digestOf, type Digest } from '../../manifests/digest.ts'
import { noXattrs, type Entry } from '../../manifests/entry.ts'
import { encodeManifest, type ChunkRef } from '../../manifests/manifest.ts'
import { rootPath, type TreePath } from '../../manifests/tree-path.ts'

export interface PreparedChunk extends ChunkRef {
  readonly plain: Buffer
  readonly stored: Uint8Array<ArrayBuffer>
}

/** A module as it is to be stored: what ingesting a tree would come to. */
export interface PreparedTree {
  readonly module: string
  readonly chunks: readonly PreparedChunk[]
  readonly content: Buffer
  readonly manifest: { readonly digest: Digest; readonly bytes: number; readonly stored: Buffer }
  readonly entries: number
}

/** Few, so that releases share them, drop them and take them up again. */
export function prepareChunks(count: number): readonly PreparedChunk[] {
  return Array.from({ length: count }, (_, number) => {
    const plain = Buffer.from(`content ${number}\n`.repeat(number + 1))
    const stored = Uint8Array.from(zstdCompressSync(plain))
    return { digest: digestOf(plain), size: plain.length, plain, stored }
  })
}

/** A file for each chunk. */
export function prepareTree(module: string, chunks: readonly PreparedChunk[]): PreparedTree {
  const metadata = { mode: 0o755, uid: 0, gid: 0, mtime: { seconds: 0, nanos: 0 }, xattrs: noXattrs }
  const entries: Entry[] = [{ type: 'directory', path: rootPath, ...metadata }]
  let offset = 0
  for (const { digest, size } of chunks) {
    const path = `f${entries.length}` as TreePath
    entries.push({ type: 'file', path, ...metadata, size, digest, offset })
    offset += size
  }
  const plain = encodeManifest({ module, chunking: 'fastcdc-64k-256k-1m', chunkTable: chunks, entries })
  return {
    module,
    chunks,
    content: Buffer.concat(chunks.map((chunk) => chunk.plain)),
    manifest: { digest: digestOf(plain), bytes: plain.length, stored: zstdCompressSync(plain) },
    entries: entries.length,
  }
}
