import type { BlobReader } from '../../../storage/blob-store.ts'
import { verifyRepository } from '../../maintenance/verify-repository.ts'
import type { Processor } from '../processor.ts'

export interface VerifyOptions {
  readonly store: BlobReader
  readonly trustedRoot: Buffer | undefined
  readonly now: () => Date
}

/** Of each of them the log has a line; the result names the first. */
const maxDamages = 50

/** Reads all that the repository vouches for. Damage is a result: the job has done what it was for. */
export function verify({ store, trustedRoot, now }: VerifyOptions): Processor<'verify'> {
  return async (_details, { signal, onProgress, onNote }) => {
    const report = await verifyRepository(store, {
      now: now(),
      signal,
      trustedRoot,
      onProgress: ({ bytes, totalBytes, chunks: read, damages: found }) => {
        const detail = `${read} chunks${found === 0 ? '' : `, ${found} damaged`}`
        onProgress({ title: 'verifying', done: bytes, total: totalBytes, unit: 'bytes', detail })
      },
    })
    const { damages, expired } = report
    const { releases, channels, manifests, chunks, packs, contentBytes } = report
    for (const { what, problem } of damages) onNote(`${what}: ${problem}`)
    for (const role of expired) onNote(`the metadata of the role ${role} has expired: machines refuse it`)
    return {
      releases,
      channels,
      manifests,
      chunks,
      packs,
      contentBytes,
      damageCount: damages.length,
      damages: damages.slice(0, maxDamages).map(({ kind, what, problem }) => ({
        kind,
        what,
        problem: problem.slice(0, 200),
      })),
      expired: [...expired],
    }
  }
}
