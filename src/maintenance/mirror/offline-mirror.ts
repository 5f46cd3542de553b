import { stat } from 'node:fs/promises'
import type { BlobStore } from '../../../storage/blob-store.ts'
import { metadataKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { digestOf } from '../../../manifests/digest.ts'
import { TrustError } from '../../trust/errors.ts'
import type { MirrorOptions, MirrorSource } from './mirror-options.ts'
import { mirrorRepository, runMirror } from './mirror-repository.ts'
import type { MirrorReport } from './mirror-run.ts'
import type { MirrorState } from './mirror-state.ts'
import { OfflineReader } from './offline-reader.ts'
import { OfflineTarget } from './offline-target.ts'

/**
 * Writes what a destination that has `since` lacks into one file; without it, all. The same source and the same state give
 * the same bytes. Throws as `mirrorRepository`, and MIRROR_FILE_UNFIT where the source does not know that state.
 */
export async function exportMirror(
  source: MirrorSource,
  path: string,
  options: MirrorOptions & { readonly since?: MirrorState | undefined },
): Promise<MirrorReport & { readonly fileBytes: number }> {
  const { since, signal } = options
  if (since !== undefined) await refuseOtherRoot(source, since)
  const report = await runMirror(source, options, async () =>
    OfflineTarget.open(path, source.reader, { since, signal }),
  )
  return { ...report, fileBytes: (await stat(path)).size }
}

/**
 * Brings a store to the state in a file that `exportMirror` wrote: verified as from any other source, and visible when
 * all of it is stored. Interrupted, the same call goes on. Throws MIRROR_FILE_INVALID and MIRROR_FILE_UNFIT.
 */
export async function importMirror(
  path: string,
  destination: BlobStore,
  options: MirrorOptions,
): Promise<MirrorReport> {
  const reader = await OfflineReader.open(path)
  return mirrorRepository(
    { reader, canList: true, checkDestination: (base) => reader.checkDestination(base) },
    destination,
    options,
  )
}

async function refuseOtherRoot({ reader }: MirrorSource, { root }: MirrorState): Promise<void> {
  const first = await readBlob(reader, metadataKey('root', 1))
  if (first === undefined || digestOf(first.bytes) === root) return
  throw new TrustError(
    'ROOT_MISMATCH',
    `${reader.name} begins with another root than the destination, ${root}`,
    {
      hint: 'the state is that of another repository',
    },
  )
}
