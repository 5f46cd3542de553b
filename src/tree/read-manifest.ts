import type { Entry } from '../../manifests/entry.ts'
import { FormatError } from '../../manifests/errors.ts'
import type { ChunkRef, ManifestHeader } from '../../manifests/manifest.ts'
import { ManifestDecoder, type LineSpan, type ManifestItem } from '../../manifests/manifest-decoder.ts'

/** The items of a manifest from its plain bytes, checked as they come (format §3). Throws a FormatError. */
export async function* readManifest(
  plain: AsyncIterable<Uint8Array>,
): AsyncGenerator<ManifestItem, void, undefined> {
  const decoder = new ManifestDecoder()
  for await (const bytes of plain) yield* decoder.decode(bytes)
  decoder.end()
}

export interface ManifestEntry {
  readonly entry: Entry
  readonly line: LineSpan
}

/** A manifest's header and chunk table, and its entries still to be read. */
export interface OpenManifest {
  readonly header: ManifestHeader
  readonly chunkTable: readonly ChunkRef[]
  readonly entries: AsyncGenerator<ManifestEntry, void, undefined>
  /** Lets go of the source; for a reader that does not want all entries. */
  readonly close: () => Promise<void>
}

/** Reads up to the first entry. Memory: the chunk table, 1/2000 of the content. */
export async function openManifest(plain: AsyncIterable<Uint8Array>): Promise<OpenManifest> {
  const items = readManifest(plain)
  const first = await items.next()
  if (first.done === true || first.value.kind !== 'header') {
    throw new FormatError('FORMAT_TRUNCATED', 'manifest', 'there is no header')
  }
  const { header } = first.value
  const chunkTable: ChunkRef[] = []
  while (chunkTable.length < header.chunks) {
    const item = await items.next()
    if (item.done === true || item.value.kind !== 'chunk') break
    chunkTable.push(item.value.chunk)
  }
  const close = async (): Promise<void> => {
    await items.return()
  }
  return { header, chunkTable, entries: entriesOf(items), close }
}

async function* entriesOf(
  items: AsyncGenerator<ManifestItem, void, undefined>,
): AsyncGenerator<ManifestEntry, void, undefined> {
  for await (const item of items) if (item.kind === 'entry') yield { entry: item.entry, line: item.line }
}
