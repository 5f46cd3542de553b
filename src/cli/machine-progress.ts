import type { MachineOptions } from '../client/machine.ts'
import type { Progress } from './progress.ts'

const titles: ReadonlyMap<string, string> = new Map([
  ['layout', 'laying out the root'],
  ['download', 'downloading packs'],
  ['contents', 'writing contents'],
  ['metadata', 'setting metadata'],
  ['sync', 'waiting for the disk'],
  ['images', 'writing images'],
  ['hooks', 'running hooks in the new root'],
  ['verify', 'verifying'],
])

/** Draws what a machine says of its work, a bar for each phase. */
export function machineProgress(
  progress: Progress,
): Required<Pick<MachineOptions, 'onPhase' | 'onProgress'>> {
  let current: string | undefined
  return {
    onPhase: (phase) => {
      // At the beginning it is the repository's metadata, and once there are contents the files'.
      const isAsking = phase === 'metadata' && current !== 'layout' && current !== 'contents'
      current = phase
      progress.begin(isAsking ? 'asking the repository' : (titles.get(phase) ?? phase))
    },
    onProgress: ({ done, total }) => {
      progress.update(
        current === 'contents' || current === 'download' || current === 'images'
          ? { bytes: done, totalBytes: total }
          : { entries: done, totalEntries: total },
      )
    },
  }
}
