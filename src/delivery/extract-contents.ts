import { closeSync, openSync, writeSync } from 'node:fs'
import type { ChunkRef } from '../../manifests/manifest.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { mapInOrder } from '../map-in-order.ts'
import type { Repository } from '../repository/repository.ts'
import type { ManifestContent } from './pack-contents.ts'

/** Chunks read at once: 1 MiB each at most. */
const concurrentChunks = 8

interface PlacedChunk {
  readonly chunk: ChunkRef
  readonly start: number
}

interface OpenContent {
  readonly content: ManifestContent
  readonly fd: number
}

/**
 * Writes contents of a manifest to files of their own, each at `fileOf`. Every chunk is read once, and only chunks
 * that are needed; memory is a few chunks.
 */
export async function extractContents(
  repository: Repository,
  chunkTable: readonly ChunkRef[],
  contents: readonly ManifestContent[],
  fileOf: (content: ManifestContent) => string,
  options: CallOptions & { readonly onBytes?: (bytes: number) => void },
): Promise<void> {
  const sorted = [...contents].sort((a, b) => a.position - b.position)
  const read = (placed: PlacedChunk): Promise<PlacedChunk & { plain: Buffer }> =>
    repository.chunk(placed.chunk, options).then((plain) => ({ ...placed, plain }))
  let open: OpenContent[] = []
  let next = 0
  try {
    for await (const { start, plain } of mapInOrder(
      neededChunks(chunkTable, sorted),
      concurrentChunks,
      read,
    )) {
      const end = start + plain.length
      for (
        let content = sorted[next];
        content !== undefined && content.position < end;
        content = sorted[++next]
      ) {
        open.push({ content, fd: openSync(fileOf(content), 'wx', 0o600) })
        open = open.filter((one) => !writePart(one, start, plain, options.onBytes))
      }
      open = open.filter((one) => !writePart(one, start, plain, options.onBytes))
    }
  } finally {
    for (const { fd } of open) closeSync(fd)
  }
}

/** True when the content is complete, and its file closed. */
function writePart(
  { content, fd }: OpenContent,
  start: number,
  plain: Buffer,
  onBytes: ((bytes: number) => void) | undefined,
): boolean {
  const from = Math.max(content.position, start)
  const end = content.position + content.size
  const to = Math.min(end, start + plain.length)
  if (from < to) {
    const piece = plain.subarray(from - start, to - start)
    for (let done = 0; done < piece.length;) {
      done += writeSync(fd, piece, done, piece.length - done, from - content.position + done)
    }
  }
  if (to < end) return false
  onBytes?.(content.size)
  closeSync(fd)
  return true
}

function* neededChunks(
  chunkTable: readonly ChunkRef[],
  sorted: readonly ManifestContent[],
): Generator<PlacedChunk> {
  let start = 0
  let next = 0
  let neededUntil = 0
  for (const chunk of chunkTable) {
    const end = start + chunk.size
    for (
      let content = sorted[next];
      content !== undefined && content.position < end;
      content = sorted[++next]
    ) {
      neededUntil = Math.max(neededUntil, content.position + content.size)
    }
    if (neededUntil > start) yield { chunk, start }
    start = end
  }
}
