import type { ManifestRef } from '../../delivery/plan-pack.ts'

/** What the process that makes a pack is asked for, once and first. */
export interface PackOrder {
  readonly storeUrl: string
  readonly from: ManifestRef | undefined
  readonly to: ManifestRef
  readonly threads: number
}

/** What it says, once and last. */
export type PackOutcome =
  | { readonly kind: 'done'; readonly bytes: number; readonly isNew: boolean }
  | { readonly kind: 'failed'; readonly code: string | undefined; readonly message: string }
