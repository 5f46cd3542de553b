import * as z from 'zod'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'
import { formatVersion, readDocument } from '../../manifests/document.ts'
import { formatInstant, instantField, naturalField, textField } from '../../manifests/fields.ts'
import { grantSchema, type Grant } from './grant.ts'
import type { AccessLimits } from './principal.ts'
import { tokenIdPattern } from './token-secret.ts'

/** What is kept of a token: everything but the token. */
export interface Token {
  readonly id: string
  readonly name: string
  readonly grants: readonly Grant[]
  readonly created: Date
  readonly expires: Date
  readonly revoked: Date | undefined
  readonly limits: AccessLimits
  /** SHA-256 of the token's text. */
  readonly hash: Uint8Array
}

export const tokenPrefixKey = 'private/tokens/'

export function tokenKey(id: string): string {
  return `${tokenPrefixKey}${id}.json`
}

export const tokenNameField = textField(100).regex(
  /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$/u,
  'is empty, or has characters that cannot be seen',
)

const tokenSchema = z.strictObject({
  created: instantField,
  expires: instantField,
  format: z.literal(formatVersion),
  grants: z.array(grantSchema).min(1).max(100),
  id: z.string().regex(tokenIdPattern, 'is not the id of a token'),
  limits: z.strictObject({
    bytesPerDay: naturalField.optional(),
    requestsPerMinute: naturalField.optional(),
  }),
  name: tokenNameField,
  revoked: instantField.optional(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'is not 64 hexadecimal digits'),
})

const tokenDocument = {
  name: 'token',
  schema: tokenSchema,
  decode: ({
    id,
    name,
    grants,
    created,
    expires,
    revoked,
    limits,
    sha256,
  }: z.output<typeof tokenSchema>): Token => ({
    id,
    name,
    grants,
    created: new Date(created),
    expires: new Date(expires),
    revoked: revoked === undefined ? undefined : new Date(revoked),
    limits,
    hash: Buffer.from(sha256, 'hex'),
  }),
  encode: encodeToken,
}

/** Throws a FormatError that names the field. */
export function decodeToken(bytes: Uint8Array): Token {
  return readDocument(bytes, tokenDocument)
}

export function encodeToken(token: Token): string {
  return canonicalJson({
    created: formatInstant(token.created),
    expires: formatInstant(token.expires),
    format: formatVersion,
    grants: token.grants as unknown as JsonValue,
    id: token.id,
    limits: { ...token.limits },
    name: token.name,
    revoked: token.revoked && formatInstant(token.revoked),
    sha256: Buffer.from(token.hash).toString('hex'),
  })
}
