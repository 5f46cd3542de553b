import type { ServerResponse } from 'node:http'
import type { PresignedUrl } from '../../storage/s3-presign.ts'
import type { ObjectReader } from './serve-object.ts'
import type { ObjectClass, ServedObject } from './served-object.ts'

/** Where objects are to be fetched instead: below a URL that ends with a slash, or from the bucket itself. */
export type RedirectTarget = { readonly base: string } | 'presigned'

/** Signs URLs of the store's objects. */
export interface Presigner {
  presign(key: string, options: { readonly seconds: number; readonly now: Date }): Promise<PresignedUrl>
}

export interface RedirectsOptions {
  readonly targets: ReadonlyMap<ObjectClass, RedirectTarget>
  /** Smaller objects are served here: to send somebody on costs a request more. */
  readonly fromBytes: number
  /** Needed where a target is `presigned`. */
  readonly presigner?: Presigner | undefined
  /** The time of day. Default: this machine's. */
  readonly clock?: (() => Date) | undefined
}

export interface Redirection {
  readonly location: string
  readonly caching: string
}

interface Known {
  readonly learnedAt: number
  /** Undefined: the object is to be served here. */
  readonly place: Place | undefined
}

interface Place {
  readonly location: string
  readonly validUntil: Date | undefined
}

const knownForMs = 60_000
const maxKnown = 10_000
/** Of a signed URL: enough to begin a download by, and too little to be of use to whoever finds it in a log. */
const signedSeconds = 15 * 60
/** With less of it left than this a client whose clock, or whose network, is slow might come too late. */
const minLeftSeconds = 60
const maxCachedSeconds = 300

/**
 * Sends clients on to a CDN or a bucket. What is not there is not sent on: absence is found out here, and a 404 here,
 * but what was there a minute ago is believed. The request's conditions and its range are the target's to heed, since
 * conditions apply only to what would be answered with 2xx or 412 (RFC 9110 §13.2.1). Only GET is sent on: HEAD is asked
 * to learn whether something is there, which a CDN may remember otherwise, and a signature is for one method.
 */
export class Redirects {
  readonly #store: ObjectReader
  readonly #options: RedirectsOptions
  readonly #now: () => number
  readonly #known = new Map<string, Known>()
  readonly #looks = new Map<string, Promise<Place | undefined>>()

  /** `now`: milliseconds of a clock that only goes forward. */
  constructor(store: ObjectReader, options: RedirectsOptions, now: () => number) {
    this.#store = store
    this.#options = options
    this.#now = now
  }

  /** Undefined: the object is to be served, or found absent, here. Throws a StoreError. */
  async find({ key, objectClass }: ServedObject): Promise<Redirection | undefined> {
    const target = objectClass && this.#options.targets.get(objectClass)
    if (target === undefined) return undefined
    const known = this.#known.get(key)
    const isFresh = known !== undefined && this.#now() - known.learnedAt < knownForMs
    const place = isFresh ? known.place : await this.#look(key, target)
    return place && this.#redirection(place)
  }

  /** One look, however many ask at once. */
  async #look(key: string, target: RedirectTarget): Promise<Place | undefined> {
    const other = this.#looks.get(key)
    if (other !== undefined) return other
    const look = this.#place(key, target).finally(() => this.#looks.delete(key))
    this.#looks.set(key, look)
    return look
  }

  async #place(key: string, target: RedirectTarget): Promise<Place | undefined> {
    const info = await this.#store.stat(key)
    if (info === undefined) return undefined
    const place = info.bytes < this.#options.fromBytes ? undefined : await this.#at(key, target)
    this.#remember(key, { learnedAt: this.#now(), place })
    return place
  }

  async #at(key: string, target: RedirectTarget): Promise<Place> {
    if (target !== 'presigned') return { location: target.base + key, validUntil: undefined }
    const { presigner } = this.#options
    if (presigner === undefined) throw new Error('redirects: "presigned" without a presigner')
    const signed = await presigner.presign(key, { seconds: signedSeconds, now: this.#clock() })
    return { location: signed.url, validUntil: signed.validUntil }
  }

  /**
   * 307 may be stored by shared caches if we say for how long (RFC 9111 §3), and may then be used until that is over:
   * a third of what is left leaves two to begin the download in. A signature that is over is of no use to anybody, also
   * when nobody answers any more: `must-revalidate` (§5.2.2.2).
   */
  #redirection({ location, validUntil }: Place): Redirection | undefined {
    if (validUntil === undefined) return { location, caching: `public, max-age=${maxCachedSeconds}` }
    const left = (validUntil.getTime() - this.#clock().getTime()) / 1000
    if (left < minLeftSeconds) return undefined
    const seconds = Math.min(maxCachedSeconds, Math.floor(left / 3))
    return { location, caching: `public, max-age=${seconds}, must-revalidate` }
  }

  #remember(key: string, known: Known): void {
    this.#known.delete(key)
    this.#known.set(key, known)
    if (this.#known.size <= maxKnown) return
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest)
      return
    }
  }

  #clock(): Date {
    return this.#options.clock?.() ?? new Date()
  }
}

/** Answers with 307, which leaves the method as it is. */
export function sendRedirect({ location, caching }: Redirection, res: ServerResponse): void {
  res.statusCode = 307
  res.setHeader('Location', location)
  res.setHeader('Cache-Control', caching)
  res.setHeader('Content-Length', 0)
  res.end()
}
