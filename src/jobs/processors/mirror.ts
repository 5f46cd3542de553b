import type { BlobStore } from '../../../storage/blob-store.ts'
import type { MirrorSource } from '../../maintenance/mirror/mirror-options.ts'
import { mirrorRepository } from '../../maintenance/mirror/mirror-repository.ts'
import { JobError } from '../errors.ts'
import type { Processor } from '../processor.ts'

export interface MirrorJobOptions {
  readonly store: BlobStore
  readonly trustedRoot: Buffer | undefined
  /** Who may be named as a source: whoever starts a job does not choose where workers connect to. */
  readonly sources: readonly string[]
  readonly openSource: (source: string) => Promise<MirrorSource>
  readonly now: () => Date
}

/** Brings the store to the state of another repository. What was copied before is found in the store. */
export function mirror(options: MirrorJobOptions): Processor<'mirror'> {
  const { store, trustedRoot, sources, openSource, now } = options
  return async ({ source, channels = [], modules = [], keepLast }, { signal, onProgress, onNote }) => {
    if (!sources.includes(source)) {
      throw new JobError('JOB_INVALID', 'details.source: is none that this worker may mirror', {
        hint: 'its operator names them in VEND_MIRROR_SOURCES',
      })
    }
    const report = await mirrorRepository(await openSource(source), store, {
      selection: { channels, modules, keepLast },
      now,
      signal,
      trustedRoot,
      onNote,
      onProgress: ({ bytes, totalBytes, chunks }) => {
        const detail = `${chunks} chunks copied`
        onProgress({ title: 'mirroring', done: bytes, total: totalBytes, unit: 'bytes', detail })
      },
    })
    for (const lost of report.lost) onNote(`the source has lost ${lost}`)
    return { changed: report.changed, releases: report.releases, copied: { ...report.copied } }
  }
}
