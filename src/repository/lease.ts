import { randomBytes } from 'node:crypto'
import { canonicalJson } from '../../manifests/canonical-json.ts'
import type { BlobStore, CallOptions } from '../../storage/blob-store.ts'
import { leaseKey, leasePrefix } from './layout.ts'

const beatMs = 60_000

/** A lease that was not renewed for so long is of a publish that died. */
export const leaseLifeMs = 10 * 60 * 1000

/** A lease as it lies in the store. */
export interface LeaseDocument {
  /** By the publisher's clock; says nothing but when. */
  readonly started: string
  readonly version: number
  /** Makes the bodies of two attempts differ. */
  readonly attempt: string
  /** When it was first written, by the store's clock; absent until it is renewed, when its own date says it. */
  readonly since?: string | undefined
}

/**
 * A lease says that a publish of a version began and has not ended: chunks may lie in the store that no manifest
 * names. Every attempt to publish has its own, and renews it every minute while it lives. A publish that dies leaves
 * it behind, and so the next one knows that it must look; a collector of garbage leaves alone what was stored since a
 * living lease began. Disposed of, it is no longer renewed, and stays.
 */
export class Lease implements AsyncDisposable {
  readonly key: string
  /** Whether there were leases of others when it was taken. */
  readonly othersFound: boolean
  readonly #store: BlobStore
  readonly #options: CallOptions
  readonly #document: LeaseDocument
  #since: Date | undefined
  #timer: NodeJS.Timeout | undefined
  #renewing: Promise<unknown> = Promise.resolve()

  constructor(store: BlobStore, document: LeaseDocument, othersFound: boolean, options: CallOptions) {
    this.key = leaseKey(document.version, document.attempt)
    this.othersFound = othersFound
    this.#store = store
    this.#document = document
    this.#options = options
  }

  /** Writes it; resolves to the time of the store's clock. */
  async renew(): Promise<Date> {
    await this.#store.put(
      this.key,
      encode({ ...this.#document, since: this.#since?.toISOString() }),
      this.#options,
    )
    // The answer to a write may have this machine's clock.
    const now = (await this.#store.stat(this.key, this.#options))?.modified ?? new Date()
    this.#since ??= now
    return now
  }

  /** Renews it from now on. A renewal that fails is made up for by the next. */
  keepAlive(): void {
    this.#timer ??= setInterval(() => {
      this.#renewing = this.renew().catch(() => undefined)
    }, beatMs).unref()
  }

  /** Removes it: all that was stored under it is named by a manifest. */
  async end(): Promise<void> {
    await this[Symbol.asyncDispose]()
    await this.#store.delete(this.key, this.#options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    // A renewal that is still on its way would bring back what is removed after this.
    await this.#renewing
  }
}

/** Takes a lease, and keeps it alive. */
export async function takeLease(
  store: BlobStore,
  version: number,
  now: Date,
  options: CallOptions = {},
): Promise<Lease> {
  let othersFound = false
  for await (const _ of store.list(leasePrefix, options)) {
    othersFound = true
    break
  }
  const document = { started: now.toISOString(), version, attempt: randomBytes(8).toString('hex') }
  const lease = new Lease(store, document, othersFound, options)
  await lease.renew()
  lease.keepAlive()
  return lease
}

function encode(document: LeaseDocument): Buffer {
  return Buffer.from(canonicalJson({ ...document }))
}

/** After a release is visible, no publish of it or of an earlier version can come to anything. */
export async function endLeases(store: BlobStore, version: number, options: CallOptions = {}): Promise<void> {
  for await (const { key } of store.list(leasePrefix, options)) {
    const leased = Number(/(\d+)\.json$/.exec(key)?.[1])
    if (leased <= version) await store.delete(key, options)
  }
}
