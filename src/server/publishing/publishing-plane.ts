import type { IncomingMessage, ServerResponse } from 'node:http'
import { digestFromHex } from '../../../manifests/digest.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import { lackingFor } from '../../access/need.ts'
import type { Principal } from '../../access/principal.ts'
import { ChunkFramesError, readDigests, writeDigests } from '../../remote/chunk-frames.ts'
import { sketchesKey } from '../../repository/layout.ts'
import { loadState } from '../../repository/repository-state.ts'
import { Repository } from '../../repository/repository.ts'
import type { Plane, PlaneContext } from '../plane.ts'
import { ProblemError, problemOf, routeUnknown, type ProblemCode } from '../problem.ts'
import { serveObject } from '../serve-object.ts'
import { acceptCheckpoint } from './accept-checkpoint.ts'
import { acceptCommit } from './accept-commit.ts'
import { ChunkIntake } from './chunk-intake.ts'
import { parseCommitRequest } from './commit-request.ts'
import { endLease, listLeases, needOf, parseBegunPublish, writeLease } from './publishing-leases.ts'
import { readShortUpload, readUpload } from './read-upload.ts'
import { isForPublishing, maxBatchBytes, maxDigests, routeOf, type Route } from './routes.ts'
import { sendBytes, sendJson, sendNothing } from './send-answer.ts'
import { sendChunkList } from './send-chunk-list.ts'
import { SpooledUpload } from './spooled-upload.ts'
import type { StateChange } from './state-change.ts'
import { storeManifest } from './store-manifest.ts'
import { storeSketches } from './store-sketches.ts'
import { Turns } from './turns.ts'

export interface PublishingOptions {
  readonly store: BlobStore
  /** The root that the repository must begin with; without it the store is taken at its word. */
  readonly trustedRoot?: Buffer | undefined
  readonly clock?: (() => Date) | undefined
  /** Told of what was done. */
  readonly onEvent?: ((event: PublishingEvent) => void) | undefined
}

export type PublishingEvent =
  | {
      readonly kind: 'chunks'
      readonly stored: number
      readonly present: number
      readonly storedBytes: number
    }
  | { readonly kind: 'missing'; readonly asked: number; readonly missing: number }
  | { readonly kind: 'commit'; readonly outcome: 'done' | 'refused' | 'failed'; readonly ms: number }

interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly route: Route
  readonly principal: Principal
}

/** Uploads at once, and how many more may wait with their bodies unread. */
const uploadsAtOnce = 8
const maxWaitingUploads = 64
const commitsAtOnce = 2
const listingsAtOnce = 2
const maxWaiting = 16
/** How long the rest of a refused body is read, so that whoever sends it learns why. */
const lingerMs = 10_000

/** `/v1/publishes`, `/v1/chunks` and the others by which releases are published from elsewhere (docs/publishing.md). */
export class PublishingPlane implements Plane {
  readonly #options: PublishingOptions
  readonly #context: PlaneContext
  readonly #uploads = new Turns(uploadsAtOnce, maxWaitingUploads)
  readonly #commits = new Turns(commitsAtOnce, maxWaiting)
  readonly #listings = new Turns(listingsAtOnce, maxWaiting)
  readonly #chunks: ChunkIntake

  constructor(options: PublishingOptions, context: PlaneContext) {
    this.#options = options
    this.#context = context
    this.#chunks = new ChunkIntake(options.store)
  }

  owns(req: IncomingMessage): boolean {
    return isForPublishing(req)
  }

  /** `readUpload` cuts those that are slow. */
  guardsUploads(req: IncomingMessage): boolean {
    return isForPublishing(req)
  }

  checkBody(req: IncomingMessage): void {
    const close = { headers: { Connection: 'close' } }
    const route = routeOf(req)
    if (route === undefined || !('name' in route)) throw refusalOf(route, close.headers)
    if (route.maxBytes === undefined) {
      throw new ProblemError('BODY_UNEXPECTED', 'send the request without a body', close)
    }
    if (req.headers['transfer-encoding'] !== undefined) {
      throw new ProblemError('REQUEST_INVALID', 'send the body with its Content-Length', close)
    }
    if (Number(req.headers['content-length']) > route.maxBytes) {
      throw new ProblemError('BODY_TOO_LARGE', `the body has at most ${route.maxBytes} bytes here`, close)
    }
  }

  async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const route = routeOf(req)
    if (route === undefined || !('name' in route)) throw refusalOf(route)
    const isMended = wantsMend(req, route)
    const principal = await this.#context.access.require(req, { may: 'publish' })
    if (isMended) this.#context.access.allow(req, principal, { may: 'operate' })
    const exchange = { req, res, route, principal }
    try {
      await this.#perform(exchange, isMended)
    } catch (error) {
      linger(req)
      throw error
    }
  }

  async #perform(exchange: Exchange, isMended: boolean): Promise<void> {
    const { store } = this.#options
    const { limits } = this.#context
    switch (exchange.route.name) {
      case 'begin':
        return this.#begin(exchange)
      case 'leases':
        return this.#sendLeases(exchange)
      case 'end':
        return this.#end(exchange)
      case 'chunks':
        return this.#listings.run(async () => sendChunkList(exchange, { store, limits }))
      case 'missing':
        return this.#uploads.run(async () => this.#sendMissing(exchange))
      case 'upload':
        return this.#uploads.run(async () => this.#storeChunks(exchange, isMended))
      case 'manifest':
      case 'sketches':
        return this.#uploads.run(async () => this.#storeSpooled(exchange, isMended))
      case 'readSketches':
        return this.#sendSketches(exchange)
      case 'commit':
        return this.#commits.run(async () => this.#commit(exchange))
      case 'checkpoint':
        return this.#storeCheckpoint(exchange)
    }
  }

  async #begin(exchange: Exchange): Promise<void> {
    const { store } = this.#options
    const begun = parseBegunPublish(await this.#readShort(exchange))
    const repository = await this.#context.repository.get()
    this.#context.access.allow(exchange.req, exchange.principal, await needOf(begun, repository))
    const others = (await listLeases(store)).filter((name) => !name.startsWith(begun.attempt))
    const now = await writeLease(store, begun)
    sendJson(exchange.res, {
      now: now.toISOString(),
      mayHaveDied: others.length > 0,
      maxBatchBytes,
      maxDigests,
    })
  }

  async #sendLeases({ res }: Exchange): Promise<void> {
    sendJson(res, { publishes: await listLeases(this.#options.store) })
  }

  async #end({ route, res }: Exchange): Promise<void> {
    await endLease(this.#options.store, route.subject, await this.#current())
    sendNothing(res)
  }

  async #sendMissing(exchange: Exchange): Promise<void> {
    const digests = asked(await this.#readShort(exchange))
    const missing = await this.#chunks.missing(digests)
    this.#options.onEvent?.({ kind: 'missing', asked: digests.length, missing: missing.length })
    sendBytes(exchange.res, writeDigests(missing))
  }

  async #storeChunks(exchange: Exchange, isMended: boolean): Promise<void> {
    const done = await this.#chunks.store(this.#read(exchange), { isMended })
    this.#options.onEvent?.({ kind: 'chunks', ...done })
    sendJson(exchange.res, { ...done })
  }

  async #storeSpooled(exchange: Exchange, isMended: boolean): Promise<void> {
    const { store } = this.#options
    await using upload = await SpooledUpload.receive(this.#read(exchange))
    const digest = digestFromHex(exchange.route.subject)
    const how = { store, isMended }
    const isNew =
      exchange.route.name === 'manifest'
        ? await storeManifest(digest, upload, how)
        : await storeSketches(digest, upload, how)
    sendJson(exchange.res, { stored: isNew })
  }

  async #sendSketches({ route, req, res }: Exchange): Promise<void> {
    const object = {
      key: sketchesKey(digestFromHex(route.subject)),
      objectClass: undefined,
      contentType: 'application/zstd',
      caching: 'no-store',
      digest: undefined,
      pack: undefined,
    }
    await serveObject({ store: this.#options.store, limits: this.#context.limits }, object, req, res)
  }

  async #commit(exchange: Exchange): Promise<void> {
    const { principal, req, res } = exchange
    const { access, now } = this.#context
    const began = now()
    try {
      const request = parseCommitRequest(await this.#readShort(exchange))
      const { change } = await acceptCommit(request, {
        store: this.#options.store,
        trustedRoot: this.#options.trustedRoot,
        now: this.#options.clock ?? (() => new Date()),
        allow: (what) => this.#allow(exchange, what),
      })
      await access.record(req, principal, { what: 'publish', target: describe(change), outcome: 'done' })
      this.#options.onEvent?.({ kind: 'commit', outcome: 'done', ms: now() - began })
      sendJson(res, {
        repeated: change === undefined,
        release: change?.release?.version,
        modules: change?.modules,
        channels: change?.channels.map(({ channel }) => channel),
      })
    } catch (error) {
      await this.#recordFailure(exchange, error)
      const isRefused = error instanceof ProblemError
      this.#options.onEvent?.({
        kind: 'commit',
        outcome: isRefused ? 'refused' : 'failed',
        ms: now() - began,
      })
      throw error
    }
  }

  /** A release that changes no module, as of a label, needs leave for one that it has. */
  #allow({ req, principal }: Exchange, { release, modules, channels }: StateChange): void {
    const names = channels.map(({ channel }) => channel)
    const [some = ''] = Object.keys(release?.modules ?? {})
    const own = Object.keys(release?.modules ?? {}).find(
      (name) =>
        lackingFor({ may: 'publish', modules: [name], channels: names }, principal.grants) === undefined,
    )
    const needed = release === undefined || modules.length > 0 ? modules : [own ?? some]
    this.#context.access.allow(req, principal, { may: 'publish', modules: needed, channels: names })
  }

  async #recordFailure({ req, principal }: Exchange, error: unknown): Promise<void> {
    const code: ProblemCode = problemOf(error).code
    // Refusals for want of a grant are recorded where they happen.
    if (code === 'FORBIDDEN') return
    const outcome = error instanceof ProblemError ? 'refused' : 'failed'
    await this.#context.access
      .record(req, principal, { what: 'publish', outcome, code })
      .catch(() => undefined)
  }

  async #storeCheckpoint(exchange: Exchange): Promise<void> {
    const bytes = await this.#readShort(exchange)
    await acceptCheckpoint(bytes, await this.#current(), this.#options.store, {})
    sendNothing(exchange.res)
  }

  /** As it is this very moment, which the one that answers questions need not be. */
  async #current(): Promise<Repository> {
    const { store, trustedRoot } = this.#options
    return new Repository(store, await loadState(store, { trustedRoot }))
  }

  #read({ req, res, principal }: Exchange): AsyncGenerator<Buffer, void, undefined> {
    welcome(req, res)
    return readUpload(req, this.#uploadOptions(req, principal))
  }

  async #readShort({ req, res, principal }: Exchange): Promise<Buffer> {
    welcome(req, res)
    return readShortUpload(req, this.#uploadOptions(req, principal))
  }

  #uploadOptions(req: IncomingMessage, principal: Principal): Parameters<typeof readUpload>[1] {
    const { limits, now, access } = this.#context
    return { limits, now, onBytes: (bytes) => access.spend(principal, { bytes }, req) }
  }
}

/** Who asked first whether a body is wanted is told so only now that it is (RFC 9110 §10.1.1). */
function welcome(req: IncomingMessage, res: ServerResponse): void {
  if (req.headers.expect?.toLowerCase() === '100-continue') res.writeContinue()
}

function wantsMend(req: IncomingMessage, { name }: Route): boolean {
  const { searchParams } = new URL(req.url ?? '/', 'http://server')
  const takesMend = name === 'upload' || name === 'manifest' || name === 'sketches'
  const takesAfter = name === 'chunks'
  for (const [key, value] of searchParams) {
    if (takesAfter && key === 'after' && /^[0-9a-f]{64}$/.test(value)) continue
    if (!takesMend || key !== 'mend' || (value !== 'yes' && value !== 'no')) {
      throw new ProblemError(
        'REQUEST_INVALID',
        `there is no parameter ${JSON.stringify(key)} of that form here`,
      )
    }
  }
  return searchParams.get('mend') === 'yes'
}

function refusalOf(
  route: { readonly methods: readonly string[] } | undefined,
  headers: Readonly<Record<string, string>> = {},
): ProblemError {
  if (route === undefined) return routeUnknown()
  const allow = route.methods.join(', ')
  return new ProblemError('METHOD_NOT_ALLOWED', `allowed are ${allow}`, {
    headers: { Allow: allow, ...headers },
  })
}

/** What is left of a body is read and dropped for a while: an answer that is followed by a reset may never arrive. */
function linger(req: IncomingMessage): void {
  if (req.complete || req.destroyed) return
  req.on('error', () => undefined)
  req.resume()
  const timer = setTimeout(() => req.destroy(), lingerMs)
  req.once('close', () => clearTimeout(timer))
}

function asked(body: Buffer): ReturnType<typeof readDigests> {
  try {
    return readDigests(body, maxDigests)
  } catch (error) {
    throw error instanceof ChunkFramesError ? new ProblemError('REQUEST_INVALID', error.message) : error
  }
}

function describe(change: StateChange | undefined): string {
  if (change === undefined) return 'what was visible already'
  const parts = [
    ...(change.release === undefined ? [] : [`release ${change.release.version}`]),
    ...change.channels.map(({ channel, version }) => `channel ${channel} to ${version}`),
  ]
  return parts.length === 0 ? 'signatures' : parts.join(', ').slice(0, 200)
}
