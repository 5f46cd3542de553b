import type { KnownTokens } from '../../access/known-tokens.ts'
import type { OidcVerifier } from '../../access/oidc/oidc-verifier.ts'
import type { Principal } from '../../access/principal.ts'
import type { Token } from '../../access/token-document.ts'
import { isToken, tokenIdIn, tokenPrefix } from '../../access/token-secret.ts'
import { ProblemError } from '../problem.ts'

/** Who someone is, or why not; `principal` too where it was proven, and is not good any more. */
export type Identity =
  | { readonly principal: Principal; readonly wrong?: undefined }
  | { readonly principal?: Principal; readonly wrong: string }

export interface IdentifyOptions {
  readonly tokens: KnownTokens
  readonly oidc: () => Promise<OidcVerifier | undefined>
  /** Of day and hour. */
  readonly clock: () => Date
}

const jwt = /^[\w-]+\.[\w-]+\.[\w-]*$/

/** Throws SERVER_BUSY, a StoreError and an IssuerUnavailableError where it cannot be known. */
export async function identify(text: string, { tokens, oidc, clock }: IdentifyOptions): Promise<Identity> {
  if (text.startsWith(tokenPrefix)) return identifyToken(text, tokens, clock())
  const verifier = jwt.test(text) ? await oidc() : undefined
  if (verifier === undefined) return { wrong: 'what was sent is no token' }
  const verified = await verifier.verify(text)
  return typeof verified === 'string' ? { wrong: verified } : { principal: verified }
}

async function identifyToken(text: string, tokens: KnownTokens, now: Date): Promise<Identity> {
  const id = tokenIdIn(text)
  if (id === undefined) return { wrong: 'the token is malformed: its checksum does not agree' }
  const token = await tokens.find(id)
  if (token === 'busy')
    throw new ProblemError('SERVER_BUSY', 'too many unknown tokens are looked up; try again')
  if (token === undefined || !isToken(text, token.hash)) return { wrong: 'there is no such token' }
  const principal = principalOf(token)
  if (token.revoked !== undefined) return { principal, wrong: `the token ${id} is revoked` }
  if (token.expires <= now) return { principal, wrong: `the token ${id} is expired` }
  return { principal }
}

function principalOf({ id, name, grants, limits, expires }: Token): Principal {
  return { subject: `token:${id}`, name, grants, limits, expires }
}
