import type { BlobReader, BlobStore, CallOptions } from '../../../storage/blob-store.ts'
import type { Damage } from '../damage.ts'
import type { RateLimit } from '../mirror/rate-limit.ts'
import { Scratch } from '../mirror/scratch.ts'
import { ThrottledReader } from '../mirror/throttled-reader.ts'
import {
  nothingVerified,
  verifyRepository,
  type VerifyProgress,
  type VerifyReport,
} from '../verify-repository.ts'
import { ContentMender } from './content-mender.ts'
import { mendLog } from './mend-log.ts'
import { mendMetadata } from './mend-metadata.ts'
import type { Mended } from './mending.ts'

export interface RepairOptions extends CallOptions {
  readonly now: Date
  /** The first root that is known to be right. Default: that of the store, if it is whole. */
  readonly trustedRoot?: Buffer | undefined
  readonly limit?: RateLimit | undefined
  readonly onProgress?: (progress: VerifyProgress) => void
  readonly onNote?: (note: string) => void
}

/** `damages`: what could not be mended. */
export interface RepairReport extends VerifyReport {
  readonly mended: readonly Mended[]
}

/**
 * Reads everything that the repository vouches for, as `verifyRepository` does, and puts what is damaged or missing back from
 * whichever source has it. Every piece is checked before it replaces anything: metadata by the metadata that vouch for it,
 * all else by its digest. A damaged pack that no source has is deleted: it can be made again. Throws as `verifyRepository`.
 */
export async function repairRepository(
  store: BlobStore,
  sources: readonly BlobReader[],
  options: RepairOptions,
): Promise<RepairReport> {
  const { now, signal, trustedRoot, limit, onProgress, onNote = ignore } = options
  const mended: Mended[] = []
  const context = {
    store,
    sources: limit === undefined ? sources : sources.map((source) => new ThrottledReader(source, limit)),
    signal,
    trustedRoot,
    onMended: (one: Mended) => void mended.push(one),
    onNote,
  }
  await using scratch = await Scratch.create()
  const metadata = await mendMetadata(context)
  if ('problem' in metadata) return { ...nothingVerified, damages: [lost(metadata.problem)], mended }
  const { state } = metadata
  const mender = new ContentMender(context, state, scratch)
  const report = await verifyRepository(store, {
    now,
    signal,
    trustedRoot,
    limit,
    ...(onProgress !== undefined && { onProgress }),
    mender,
  })
  // After the documents that are listed: what is left of it are those of the past.
  const damages = await mendLog(context, state, mender, scratch)
  return { ...report, damages: [...report.damages, ...damages], mended }
}

function lost(problem: string): Damage {
  return { kind: 'metadata', what: 'the signed metadata', problem, touches: [] }
}

function ignore(): void {
  // Nobody listens.
}
