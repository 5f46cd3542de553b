import type { BlobStore, CallOptions } from '../../../storage/blob-store.ts'
import { leasePrefix } from '../../repository/layout.ts'
import { leaseLifeMs } from '../../repository/lease.ts'
import { readBlob } from '../../repository/read-blob.ts'

export interface FoundLeases {
  /** When the first of the publishes began that live, by the store's clock. */
  readonly livingSince: Date | undefined
  readonly living: number
  /** Of publishes that died, longer ago than `graceMs`: what they stored is not young any more either. */
  readonly dead: readonly string[]
}

/** `now`: by the store's clock, like everything else here. */
export async function readLeases(
  store: BlobStore,
  { now, graceMs, ...options }: CallOptions & { readonly now: Date; readonly graceMs: number },
): Promise<FoundLeases> {
  const since: Date[] = []
  const dead: string[] = []
  for await (const { key, modified } of store.list(leasePrefix, options)) {
    const silentMs = now.getTime() - modified.getTime()
    if (silentMs > Math.max(leaseLifeMs, graceMs)) dead.push(key)
    if (silentMs > leaseLifeMs) continue
    const blob = await readBlob(store, key, options)
    if (blob !== undefined) since.push(beginningIn(blob.bytes) ?? modified)
  }
  const livingSince = since.length === 0 ? undefined : new Date(Math.min(...since.map(Number)))
  return { livingSince, living: since.length, dead }
}

function beginningIn(bytes: Buffer): Date | undefined {
  try {
    const { since } = JSON.parse(bytes.toString()) as { readonly since?: unknown }
    const date = new Date(typeof since === 'string' ? since : Number.NaN)
    return Number.isNaN(date.getTime()) ? undefined : date
  } catch {
    return undefined
  }
}
