import type { PackProgress } from '../delivery/make-pack.ts'
import type { Progress } from './progress.ts'

/** Draws how far the making of packs is, one module after another. */
export function packProgress(progress: Progress): (module: string, done: PackProgress) => void {
  let shown = ''
  return (module, { phase, done, total }) => {
    const title = phase === 'reading' ? `reading the contents of ${module}` : `making the pack of ${module}`
    if (title !== shown) {
      progress.begin(title)
      shown = title
    }
    progress.update({ bytes: done, totalBytes: total })
  }
}
