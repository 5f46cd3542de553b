import { decodeJwt, errors, jwtVerify, type JWTPayload } from 'jose'
import type { Principal } from '../principal.ts'
import { IssuerKeys, type IssuerKeysOptions } from './issuer-keys.ts'
import { IssuerUnavailableError } from './issuer-unavailable-error.ts'
import { matchRule, nameFor } from './match-rule.ts'
import type { OidcIssuer, OidcSettings } from './oidc-settings.ts'

export interface OidcVerifierOptions extends IssuerKeysOptions {
  readonly settings: OidcSettings
  /** Of day and hour. */
  readonly clock: () => Date
}

interface KnownIssuer {
  readonly issuer: OidcIssuer
  readonly keys: IssuerKeys
}

/** Tokens of CI systems: JWTs (RFC 7519) that an issuer of the settings has signed for us. */
export class OidcVerifier {
  readonly #clock: () => Date
  readonly #issuers: ReadonlyMap<string, KnownIssuer>

  constructor({ settings, clock, ...options }: OidcVerifierOptions) {
    this.#clock = clock
    this.#issuers = new Map(
      settings.issuers.map((issuer) => [issuer.issuer, { issuer, keys: new IssuerKeys(issuer, options) }]),
    )
  }

  /** Whose the token is, or why it is nobody's, as a sentence. Throws an IssuerUnavailableError. */
  async verify(text: string): Promise<Principal | string> {
    const known = this.#issuers.get(issuerIn(text) ?? '')
    if (known === undefined) return 'the token is of no issuer that is known here'
    const claims = await this.#claimsOf(text, known)
    if (typeof claims === 'string') return claims
    return principalOf(claims, known.issuer)
  }

  async #claimsOf(text: string, { issuer, keys }: KnownIssuer): Promise<JWTPayload | string> {
    try {
      const { payload } = await jwtVerify(text, keys.get, {
        issuer: issuer.issuer,
        audience: issuer.audience,
        algorithms: issuer.algorithms,
        clockTolerance: issuer.clockToleranceSeconds,
        maxTokenAge: issuer.maxAgeSeconds,
        requiredClaims: ['sub', 'exp'],
        currentDate: this.#clock(),
      })
      return payload
    } catch (error) {
      return reasonOf(error, issuer)
    }
  }
}

/** OpenID Connect Core 1.0, §2. */
const subjectForm = /^[\x20-\x7e]{1,255}$/

/** Before anything is proven: it only says whose keys to ask for. */
function issuerIn(text: string): string | undefined {
  try {
    return decodeJwt(text).iss
  } catch {
    return undefined
  }
}

function principalOf(claims: JWTPayload, { issuer, rules }: OidcIssuer): Principal | string {
  const { sub, exp } = claims
  if (typeof sub !== 'string' || !subjectForm.test(sub)) return 'the token names no subject'
  const rule = matchRule(rules, claims)
  if (rule === undefined) return 'no rule of the settings is for a token with these claims'
  return {
    subject: `oidc:${issuer}#${sub}`,
    name: nameFor(rule, claims),
    grants: rule.grants,
    limits: rule.limits ?? {},
    expires: exp === undefined ? undefined : new Date(exp * 1000),
  }
}

/** Never with anything of the token, which may be somebody else's. Throws what says nothing of the token. */
function reasonOf(error: unknown, { issuer }: OidcIssuer): string {
  if (error instanceof IssuerUnavailableError) throw error
  if (error instanceof errors.JWTExpired)
    return `the token is expired, or older than is allowed (${error.claim})`
  if (error instanceof errors.JWTClaimValidationFailed)
    return `the token's claim "${error.claim}" is not right`
  if (error instanceof errors.JOSEAlgNotAllowed)
    return 'the token is signed by an algorithm that is not allowed'
  if (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JWSSignatureVerificationFailed
  ) {
    return 'the token is not signed by a key of its issuer'
  }
  if (error instanceof errors.JWKSInvalid || error instanceof errors.JWKSTimeout) {
    throw new IssuerUnavailableError(issuer, 'its keys are no key set', error)
  }
  if (isOfToken(error)) return 'the token is malformed'
  throw new IssuerUnavailableError(issuer, 'its keys cannot be used', error)
}

function isOfToken(error: unknown): boolean {
  return [errors.JWTInvalid, errors.JWSInvalid, errors.JOSENotSupported].some((kind) => error instanceof kind)
}
