import { randomBytes } from 'node:crypto'
import type { BlobStore, CallOptions } from '../../../storage/blob-store.ts'
import { leaseKey } from '../../repository/layout.ts'
import { isDeadSweep, type Sweep } from '../../repository/sweeps.ts'

/** Those of which something may still take effect, by the store's own clock: which only what is stored now tells. */
export async function livingSweeps(
  store: BlobStore,
  sweeps: readonly Sweep[],
  options: CallOptions,
): Promise<readonly Sweep[]> {
  if (sweeps.length === 0) return sweeps
  const key = leaseKey(1, randomBytes(8).toString('hex'))
  await store.put(key, Buffer.from('{}'), options)
  const now = (await store.stat(key, options))?.modified
  await store.delete(key, options)
  return now === undefined ? sweeps : sweeps.filter((sweep) => !isDeadSweep(sweep, now))
}
