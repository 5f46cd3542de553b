import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { digestOf, emptyDigest, hexOf } from '../../../manifests/digest.ts'
import type { Entry, FileEntry, SparseMap } from '../../../manifests/entry.ts'
import { encodeManifest, type ChunkRef } from '../../../manifests/manifest.ts'
import type { TreePath } from '../../../manifests/tree-path.ts'
import { ChunkSource } from '../../../src/client/chunk-source.ts'
import type { BasisRoot } from '../../../src/client/basis-root.ts'
import type { HttpFetcher } from '../../../src/client/http-fetcher.ts'
import { MachineLayout } from '../../../src/client/machine-layout.ts'
import { ModuleTree } from '../../../src/client/module-tree.ts'
import { encodeChunk } from '../../../src/chunking/chunk-codec.ts'

/** A module of one content stream, cut wherever a test wants it to be cut. */
export interface MemoryModule {
  readonly name: string
  /** What the manifest calls itself, if that is another name. */
  readonly calledInside?: string
  readonly chunks: readonly Uint8Array[]
  readonly entries: readonly Entry[]
}

const metadata = {
  mode: 0o644,
  uid: process.geteuid?.() ?? 0,
  gid: process.getegid?.() ?? 0,
  mtime: { seconds: 1_000_000_000, nanos: 0 },
  xattrs: new Map<string, Uint8Array>(),
}

export function path(text: string): TreePath {
  return text as TreePath
}

export function directory(at: string): Entry {
  return { type: 'directory', path: path(at), ...metadata, mode: 0o755 }
}

/** A file whose content is a span of a stream. */
export function fileIn(
  stream: Uint8Array,
  at: string,
  offset: number,
  size: number,
  sparse?: SparseMap,
): FileEntry {
  const digest = size === 0 ? emptyDigest : digestOf(stream.subarray(offset, offset + size))
  return {
    type: 'file',
    path: path(at),
    ...metadata,
    size,
    digest,
    offset,
    ...(sparse !== undefined && { sparse }),
  }
}

/** An empty directory for the running test. */
export function scratch(): string {
  const made = mkdtempSync(join(tmpdir(), 'vend-client-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return made
}

/** A tree of modules whose manifests lie in a directory for the running test. */
export async function treeOf(...modules: readonly MemoryModule[]): Promise<ModuleTree> {
  const layout = new MachineLayout(scratch())
  mkdirSync(layout.manifests)
  const records = modules.map(({ name, calledInside = name, chunks, entries }) => {
    const all = entries[0]?.path === '' ? entries : [directory(''), ...entries]
    const bytes = encodeManifest({
      module: calledInside,
      chunking: 'test',
      chunkTable: chunks.map(refOf),
      entries: all,
    })
    const digest = digestOf(bytes)
    writeFileSync(layout.manifest(digest), bytes)
    return { name, digest, bytes: bytes.length }
  })
  const tree = await ModuleTree.open(layout, records)
  onTestFinished(() => tree[Symbol.dispose]())
  return tree
}

export function refOf(plain: Uint8Array): ChunkRef {
  return { digest: digestOf(plain), size: plain.length }
}

/** A source that has these chunks, and tells of what it is asked for. */
export function sourceOf(
  chunks: readonly Uint8Array[],
  basis?: BasisRoot,
): { readonly source: ChunkSource; readonly asked: string[] } {
  const stored = new Map(chunks.map((plain) => [hexOf(digestOf(plain)), Buffer.from(encodeChunk(plain))]))
  const asked: string[] = []
  const fetcher = {
    fetchChecked: async (
      at: string,
      _options: unknown,
      read: (bytes: Buffer) => Promise<Buffer>,
    ): Promise<Buffer | undefined> => {
      asked.push(at)
      const bytes = stored.get(/([0-9a-f]{64})\.cacnk$/.exec(at)?.[1] ?? '')
      return bytes && read(bytes)
    },
  } as unknown as HttpFetcher
  return { source: new ChunkSource(basis, fetcher, undefined), asked }
}
