import type { PublishProgress } from '../ingest/publish-release.ts'
import { formatCounted } from './format-quantity.ts'
import { startMeasuring } from './measure-trees.ts'
import type { Progress } from './progress.ts'

/** Draws how far a publish is. The trees are measured meanwhile, and only if someone watches. */
export function publishProgress(
  progress: Progress,
  trees: readonly string[],
): (done: PublishProgress) => void {
  let totalBytes: number | undefined
  if (progress.isShown) {
    startMeasuring(trees, (bytes) => {
      totalBytes = bytes
    })
  }
  const bytesOf = new Map<string, number>()
  return ({ module, contentBytes, chunksUploaded }) => {
    bytesOf.set(module, contentBytes)
    const bytes = [...bytesOf.values()].reduce((sum, one) => sum + one, 0)
    progress.update({ bytes, totalBytes, detail: `${formatCounted(chunksUploaded, 'chunk')} uploaded` })
  }
}
