import type { BlobInfo, ByteRange, PutBody, PutOptions } from '../../../storage/blob-store.ts'
import type { ManifestRef } from '../../delivery/plan-pack.ts'

/** What the process that makes a pack is asked for, once and first. */
export interface PackOrder {
  readonly kind: 'order'
  /** Of the store, for messages. */
  readonly storeName: string
  readonly from: ManifestRef | undefined
  readonly to: ManifestRef
  readonly threads: number
}

/** What it asks of the store, which only its parent has. */
export type StoreCall =
  | { readonly method: 'stat'; readonly key: string }
  | { readonly method: 'get'; readonly key: string; readonly range: ByteRange | undefined }
  | {
      readonly method: 'put'
      readonly key: string
      readonly body: PutBody
      readonly options: PutOptions & { readonly signal: undefined }
    }

export type FromPackProcess =
  | { readonly kind: 'call'; readonly id: number; readonly call: StoreCall }
  | { readonly kind: 'done'; readonly bytes: number; readonly isNew: boolean }
  | { readonly kind: 'failed'; readonly failure: Failure }

export type ToPackProcess =
  | PackOrder
  | { readonly kind: 'answer'; readonly id: number; readonly answer: StoreAnswer }
  | { readonly kind: 'refusal'; readonly id: number; readonly failure: Failure }

/** Undefined of `stat` for what is not there; `bytes` only of `get`. */
export interface StoreAnswer {
  readonly info: BlobInfo | undefined
  readonly bytes?: Uint8Array
}

/** An error on its way to another process. */
export interface Failure {
  readonly code: string | undefined
  readonly message: string
}

export function failureOf(error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const message = error instanceof Error ? error.message : String(error)
  return { code: typeof code === 'string' ? code : undefined, message }
}
