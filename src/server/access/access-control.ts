import type { IncomingMessage } from 'node:http'
import type { BlobStore } from '../../../storage/blob-store.ts'
import type { AccessEntry } from '../../access/access-entry.ts'
import { AccessLog } from '../../access/access-log.ts'
import { DailyUsage } from '../../access/daily-usage.ts'
import { KnownTokens } from '../../access/known-tokens.ts'
import { lackingFor, type Need } from '../../access/need.ts'
import type { OidcSettings } from '../../access/oidc/oidc-settings.ts'
import type { OidcVerifier } from '../../access/oidc/oidc-verifier.ts'
import type { Principal } from '../../access/principal.ts'
import { RequestRates } from '../../access/request-rates.ts'
import { tokenIdIn } from '../../access/token-secret.ts'
import { AddressRates } from '../address-rates.ts'
import type { PlaneContext } from '../plane.ts'
import { ProblemError } from '../problem.ts'
import { remoteOf } from '../remote-of.ts'
import { idOfRequest } from '../request-id.ts'
import { pathOf } from '../request-path.ts'
import { withinGrace } from '../within-grace.ts'
import { bearerProblem, bearerTokenOf, closingUnread } from './bearer.ts'
import { identify, type Identity } from './identify.ts'

/** Who may use what takes more than reading. */
export interface AccessOptions {
  /** Where tokens, usage and the access log lie. */
  readonly store: BlobStore
  /** Whose tokens are taken besides our own. */
  readonly oidc?: OidcSettings | undefined
  /** Of day and hour. Default: the system's. */
  readonly clock?: (() => Date) | undefined
  /** How often usage is stored (src/access/daily-usage.ts). Default: 15 s. */
  readonly flushMs?: number | undefined
}

export type AccessContext = Pick<PlaneContext, 'limits' | 'logger' | 'trust' | 'now'>

/** What is known of those who may do something. */
interface Known {
  readonly tokens: KnownTokens
  readonly usage: DailyUsage
  readonly log: AccessLog
}

/** What of a principal's refusals goes into the access log. */
const maxRefusalsPerMinute = 30

/** Without options nobody has access to anything that needs a grant. */
export class AccessControl {
  readonly #options: AccessOptions | undefined
  readonly #context: AccessContext
  readonly #clock: () => Date
  readonly #known: Known | undefined
  readonly #wrongTokens: AddressRates
  readonly #rates: RequestRates
  readonly #refusals: RequestRates
  #oidc: Promise<OidcVerifier> | undefined

  constructor(options: AccessOptions | undefined, context: AccessContext) {
    this.#options = options
    this.#context = context
    this.#clock = options?.clock ?? (() => new Date())
    this.#known = options && knownOf(options, context, this.#clock)
    this.#wrongTokens = new AddressRates(context.now)
    this.#rates = new RequestRates(context.now)
    this.#refusals = new RequestRates(context.now)
  }

  /**
   * Who sent a request, if he may do what it needs, and counts it. Rejects with UNAUTHENTICATED, FORBIDDEN (which names
   * the missing grant), TOO_MANY_REQUESTS, SERVER_BUSY or ISSUER_UNAVAILABLE, or a StoreError.
   */
  async require(req: IncomingMessage, need: Need): Promise<Principal> {
    const principal = await this.authenticate(req)
    this.allow(req, principal, need)
    return principal
  }

  /** The same, whatever he may do. */
  async authenticate(req: IncomingMessage): Promise<Principal> {
    const { principal, wrong } = await this.#identify(req)
    if (wrong !== undefined) {
      this.#countWrong(req)
      if (principal !== undefined) this.#noteRefusal(req, principal, { code: 'UNAUTHENTICATED' })
      throw bearerProblem('UNAUTHENTICATED', wrong, { req, error: 'invalid_token' })
    }
    this.spend(principal, { requests: 1 }, req)
    if (principal.limits.bytesPerDay !== undefined) await this.#known?.usage.prepare(principal.subject)
    return principal
  }

  /** For what is known only when more of a request was read. Throws FORBIDDEN. */
  allow(req: IncomingMessage, principal: Principal, need: Need): void {
    const lacking = lackingFor(need, principal.grants)
    if (lacking === undefined) return
    this.#noteRefusal(req, principal, { code: 'FORBIDDEN', target: lacking })
    const error = { error: 'insufficient_scope', scope: need.may } as const
    throw bearerProblem('FORBIDDEN', `${principal.subject} lacks ${lacking}`, { req, ...error })
  }

  /** Counts what a principal takes. Throws TOO_MANY_REQUESTS or QUOTA_EXCEEDED; then it is not counted. */
  spend(
    { subject, limits }: Principal,
    { requests = 0, bytes = 0 }: { readonly requests?: number; readonly bytes?: number },
    req?: IncomingMessage,
  ): void {
    const { requestsPerMinute, bytesPerDay } = limits
    const close = req === undefined ? { Connection: 'close' } : closingUnread(req)
    if (requests > 0 && requestsPerMinute !== undefined) {
      const late = this.#rates.take(subject, requests, requestsPerMinute)
      if (late !== undefined) {
        const headers = { 'Retry-After': String(late.waitSeconds), ...close }
        const detail = `${subject} may send ${requestsPerMinute} requests a minute`
        throw new ProblemError('TOO_MANY_REQUESTS', detail, { headers })
      }
    }
    const usage = this.#known?.usage
    if (bytes === 0 || bytesPerDay === undefined || usage?.spend(subject, bytes, bytesPerDay) !== false)
      return
    const detail = `${subject} may send ${bytesPerDay} bytes a day; a day is over at midnight, UTC`
    const headers = { 'Retry-After': String(usage.secondsLeft), ...close }
    throw new ProblemError('QUOTA_EXCEEDED', detail, { headers })
  }

  /** Into the access log: what a principal did, or what came of trying. Rejects with a StoreError. */
  async record(
    req: IncomingMessage,
    { subject, name }: Principal,
    entry: Pick<AccessEntry, 'what' | 'target' | 'outcome' | 'code'>,
  ): Promise<void> {
    await this.#known?.log.record({ who: subject, name, requestId: idOfRequest(req), ...entry })
  }

  /** Stores what is not stored yet, as far as the store lets it in that time. */
  async close(graceMs: number): Promise<void> {
    if (this.#known !== undefined) await withinGrace(this.#known.usage.close(), graceMs)
  }

  async #identify(req: IncomingMessage): Promise<Identity> {
    const known = this.#known
    const text = bearerTokenOf(req)
    if (known === undefined) return { wrong: 'nobody has access here' }
    this.#refuseGuessers(req, known.tokens, text)
    try {
      return await identify(text, {
        tokens: known.tokens,
        oidc: async () => this.#verifier(),
        clock: this.#clock,
      })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ISSUER_UNAVAILABLE')) throw error
      const detail = "the keys of the token's issuer cannot be read; try again"
      throw new ProblemError('ISSUER_UNAVAILABLE', detail, { headers: closingUnread(req), cause: error })
    }
  }

  /** Only those who know OIDC load what it needs. */
  async #verifier(): Promise<OidcVerifier | undefined> {
    const settings = this.#options?.oidc
    if (settings === undefined) return undefined
    const { now } = this.#context
    this.#oidc ??= import('../../access/oidc/oidc-verifier.ts').then(
      (module) => new module.OidcVerifier({ settings, now, clock: this.#clock }),
    )
    return this.#oidc
  }

  /** From an address that sends wrong tokens only those are taken that were good here before. */
  #refuseGuessers(req: IncomingMessage, tokens: KnownTokens, text: string): void {
    const { limits, trust } = this.#context
    const remote = remoteOf(req, trust)
    if (remote === undefined || this.#wrongTokens.countOf(remote) < limits.maxWrongTokensPerMinute) return
    if (tokens.isKnown(tokenIdIn(text) ?? '')) return
    const detail = `one address may send ${limits.maxWrongTokensPerMinute} wrong tokens a minute`
    throw new ProblemError('TOO_MANY_REQUESTS', detail, { headers: closingUnread(req) })
  }

  #countWrong(req: IncomingMessage): void {
    const remote = remoteOf(req, this.#context.trust)
    if (remote !== undefined) this.#wrongTokens.count(remote)
  }

  /** Nobody waits for it, and nobody fills the log with it. */
  #noteRefusal(
    req: IncomingMessage,
    principal: Principal,
    entry: { readonly code: string; readonly target?: string },
  ): void {
    if (this.#refusals.take(principal.subject, 1, maxRefusalsPerMinute) !== undefined) return
    const what = `${req.method} ${pathOf(req)}`
    this.record(req, principal, { what, outcome: 'refused', ...entry }).catch((err: unknown) => {
      this.#context.logger.warn({ err }, 'a refusal is not in the access log')
    })
  }
}

function knownOf(
  { store, flushMs }: AccessOptions,
  { now, logger }: AccessContext,
  clock: () => Date,
): Known {
  return {
    tokens: new KnownTokens({ store, now }),
    log: new AccessLog({ store, now: clock }),
    usage: new DailyUsage({
      store,
      now,
      clock,
      flushMs,
      onFailure: (err) => logger.warn({ err }, 'usage not stored; it is kept for the next try'),
    }),
  }
}
