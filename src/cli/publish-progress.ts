import type { PublishProgress } from '../ingest/publish-release.ts'
import { findSource } from '../sources/source-kind.ts'
import { formatBytes, formatCounted } from './format-quantity.ts'
import { startMeasuring } from './measure-trees.ts'
import type { Progress } from './progress.ts'

/** A source as far as its size goes. */
export interface MeasuredSource {
  /** As it was given. */
  readonly tree: string
  /** Bytes, where that was found out when it was opened. */
  readonly contentBytes?: number | undefined
}

/**
 * Draws how far a publish is. Directories are measured meanwhile, and only if someone watches. `sentBytes`: how much was
 * sent to a server so far.
 */
export function publishProgress(
  progress: Progress,
  sources: readonly MeasuredSource[],
  sentBytes?: () => number,
): (done: PublishProgress) => void {
  const knownBytes = sources.reduce((sum, { contentBytes = 0 }) => sum + contentBytes, 0)
  const directories = sources.filter(({ contentBytes }) => contentBytes === undefined)
  let totalBytes: number | undefined
  if (progress.isShown) {
    const paths = directories.map(({ tree }) => findSource(tree).path)
    startMeasuring(paths, (bytes) => {
      totalBytes = knownBytes + bytes
    })
  }
  const bytesOf = new Map<string, number>()
  return ({ module, contentBytes, chunksUploaded }) => {
    bytesOf.set(module, contentBytes)
    const bytes = [...bytesOf.values()].reduce((sum, one) => sum + one, 0)
    const sent = sentBytes === undefined ? '' : `, ${formatBytes(sentBytes())} sent`
    progress.update({
      bytes,
      totalBytes,
      detail: `${formatCounted(chunksUploaded, 'chunk')} uploaded${sent}`,
    })
  }
}
