import { canonicalJson } from '../../manifests/canonical-json.ts'
import type { BlobStore, CallOptions } from '../../storage/blob-store.ts'
import { leaseKey, leasePrefix } from './layout.ts'

/**
 * A lease says that a publish of a version began and has not ended: chunks may lie in the store that no manifest
 * names. A publish that dies leaves its lease behind, and so the next one knows that it must look.
 */
export async function takeLease(
  store: BlobStore,
  version: number,
  now: Date,
  options: CallOptions = {},
): Promise<{ readonly othersFound: boolean }> {
  let othersFound = false
  for await (const _ of store.list(leasePrefix, options)) {
    othersFound = true
    break
  }
  await store.put(
    leaseKey(version),
    Buffer.from(canonicalJson({ started: now.toISOString(), version })),
    options,
  )
  return { othersFound }
}

/** After a release is visible, no publish of it or of an earlier version can come to anything. */
export async function endLeases(store: BlobStore, version: number, options: CallOptions = {}): Promise<void> {
  for await (const { key } of store.list(leasePrefix, options)) {
    const leased = Number(/(\d+)\.json$/.exec(key)?.[1])
    if (leased <= version) await store.delete(key, options)
  }
}
