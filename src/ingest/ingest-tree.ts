import { join } from 'node:path'
import type { Digest } from '../../manifests/digest.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import type { ChunkingProfile } from '../chunking/profile.ts'
import type { TreeSource } from '../tree/tree-source.ts'
import type { WalkedEntry, WalkOptions } from '../tree/walk-directory.ts'
import type { ChunkPool } from './chunk-pool.ts'
import type { ChunkUploader } from './chunk-uploader.ts'
import { EntrySpool } from './entry-spool.ts'
import { fitEntry } from './fit-entry.ts'
import { ContentIngest } from './ingest-content.ts'
import type { EarlierSketches } from './sketch-log.ts'
import { writeSketches } from './write-sketches.ts'
import { writeManifest, type WrittenManifest } from './write-manifest.ts'

export interface IngestContext {
  readonly pool: ChunkPool
  readonly uploader: ChunkUploader
  readonly profile: ChunkingProfile
  /** An empty directory for what does not fit into memory. */
  readonly scratch: string
  readonly walk: WalkOptions
  /** Of the contents that the module had in earlier releases. */
  readonly earlierSketches?: EarlierSketches | undefined
  /** Whether the sketches of a manifest's contents are to be written. */
  readonly wantsSketches: (manifest: Digest) => Promise<boolean>
  readonly signal?: AbortSignal | undefined
  /** Told of what is published in another way than it was found. */
  readonly onNote?: (path: TreePath, note: string) => void
  /** Called for each entry with the bytes of content read. */
  readonly onEntry?: (contentBytes: number) => void
}

export interface IngestedModule extends WrittenManifest {
  readonly module: string
  /** A file with the sketches of its contents as they are to be stored, if they were wanted. */
  readonly sketchesPath: string | undefined
  readonly entries: number
  readonly chunks: number
  readonly contentBytes: number
}

/**
 * Breaks a tree into chunks, stores those that the store lacks, and writes the module's manifest into
 * the scratch directory, beside it the sketches of its contents. The chunks may still be on their way: the manifest
 * must not be stored before the uploader has finished. Memory: 170 bytes a file, 64 and up for the sketch of a content
 * that no earlier release has, and the chunks in flight, however large the tree.
 */
export async function ingestTree(
  tree: TreeSource,
  module: string,
  context: IngestContext,
): Promise<IngestedModule> {
  using spool = new EntrySpool(join(context.scratch, `${module}.entries`))
  const content = new ContentIngest(context.pool, context.uploader, context.profile, context.earlierSketches)
  try {
    for (const found of tree.walk(context.walk)) {
      context.signal?.throwIfAborted()
      const walked = fitWalked(found, tree.name, context)
      spool.add(walked.entry)
      if (walked.open !== undefined && walked.entry.size > 0) await content.add(walked, spool.entries - 1)
      context.onEntry?.(walked.entry.type === 'file' ? walked.entry.size : 0)
    }
    await content.finish()
  } catch (error) {
    await content.abandon()
    throw error
  }
  const { chunkTable, contentBytes } = content.layout
  const header = {
    module,
    chunking: context.profile.name,
    chunks: chunkTable.length,
    contentBytes,
    entries: spool.entries,
  }
  const path = join(context.scratch, `${module}.ndjson`)
  const manifest = writeManifest(path, header, chunkTable, spool.lines(content.placements()))
  const wanted = await context.wantsSketches(manifest.digest)
  const sketchesPath = wanted ? join(context.scratch, `${module}.sketches.zst`) : undefined
  if (sketchesPath !== undefined) await writeSketches(sketchesPath, content.sketches())
  return {
    ...manifest,
    module,
    sketchesPath,
    entries: spool.entries,
    chunks: chunkTable.length,
    contentBytes,
  }
}

function fitWalked(walked: WalkedEntry, tree: string, { onNote }: IngestContext): WalkedEntry {
  if (walked.open === undefined) {
    fitEntry(walked.entry, tree)
    return walked
  }
  const entry = fitEntry(walked.entry, tree)
  if (entry === walked.entry) return walked
  onNote?.(entry.path, 'has more holes than a manifest can say: the smallest are published as zeros')
  return { ...walked, entry }
}
