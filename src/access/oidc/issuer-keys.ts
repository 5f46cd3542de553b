import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose'
import * as z from 'zod'
import { IssuerFetch } from './issuer-fetch.ts'
import { IssuerUnavailableError } from './issuer-unavailable-error.ts'
import type { OidcIssuer } from './oidc-settings.ts'

export interface IssuerKeysOptions {
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
  /** How long keys are kept before they are read again. Default: 10 minutes. */
  readonly maxAgeMs?: number | undefined
  /** How often at most a key that is not among them makes us read them again. Default: 30 s. */
  readonly cooldownMs?: number | undefined
}

const keysSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) })

/**
 * The keys of one issuer, from the URL that is set or else from the one that it gives (OpenID Connect Discovery 1.0, §4).
 * Made-up key ids make us read them once in `cooldownMs`, however many come.
 */
export class IssuerKeys {
  readonly #issuer: OidcIssuer
  readonly #options: IssuerKeysOptions
  readonly #fetch: IssuerFetch
  #keys: JWTVerifyGetKey | undefined
  #discovering: Promise<string> | undefined

  constructor(issuer: OidcIssuer, options: IssuerKeysOptions) {
    this.#issuer = issuer
    this.#options = options
    this.#fetch = new IssuerFetch(issuer.issuer, options.now)
  }

  /** As `jwtVerify` asks for it. Throws an IssuerUnavailableError, and what jose throws where no key fits. */
  readonly get: JWTVerifyGetKey = async (header, token) => {
    this.#keys ??= this.#keysAt(this.#issuer.jwks ?? (await this.#discover()))
    return this.#keys(header, token)
  }

  #keysAt(url: string): JWTVerifyGetKey {
    return createRemoteJWKSet(new URL(url), {
      cacheMaxAge: this.#options.maxAgeMs ?? 600_000,
      cooldownDuration: this.#options.cooldownMs ?? 30_000,
      [customFetch]: async (at) => Response.json(await this.#fetch.get(at, keysSchema)),
    })
  }

  async #discover(): Promise<string> {
    this.#discovering ??= this.#readDiscovery().finally(() => {
      this.#discovering = undefined
    })
    return this.#discovering
  }

  async #readDiscovery(): Promise<string> {
    const { issuer } = this.#issuer
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
    // Who speaks for somebody else is not listened to (§4.3).
    const schema = z.object({ issuer: z.literal(issuer), jwks_uri: z.url({ protocol: /^https?$/ }) })
    const described = await this.#fetch.get(url, schema)
    // What is fetched by TLS is not to be trusted any less for it.
    if (issuer.startsWith('https:') && !described.jwks_uri.startsWith('https:')) {
      throw new IssuerUnavailableError(issuer, `${url} names keys that come without TLS`)
    }
    return described.jwks_uri
  }
}
