import { parse, YAMLParseError } from 'yaml'
import * as z from 'zod'
import { grantSchema } from '../grant.ts'

/** Of key pairs only: a secret that is shared with an issuer could sign for it. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

const urlField = z.url().refine(isSafeUrl, 'is not an https:// URL')
const audienceField = z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(16)])

const ruleSchema = z.strictObject({
  claims: z
    .record(z.string().min(1), z.union([z.string().min(1).max(1000), z.number(), z.boolean()]))
    .refine(isNarrow, 'lets everybody in that the issuer knows: name a claim, and more of it than "*"'),
  name: z.string().min(1).max(200).optional(),
  grants: z.array(grantSchema).min(1).max(100),
  limits: z
    .strictObject({
      bytesPerDay: z.int().min(0).optional(),
      requestsPerMinute: z.int().min(0).optional(),
    })
    .optional(),
})

const issuerSchema = z.strictObject({
  issuer: urlField.refine(isIssuer, 'has a query or a fragment, which no issuer has'),
  jwks: urlField.optional(),
  audience: audienceField,
  algorithms: z.array(z.enum(algorithms)).min(1).default(['RS256', 'ES256', 'EdDSA']),
  clockToleranceSeconds: z.int().min(0).max(300).default(30),
  maxAgeSeconds: z.int().min(60).max(86_400).default(3600),
  rules: z.array(ruleSchema).min(1).max(1000),
})

const settingsSchema = z
  .strictObject({ issuers: z.array(issuerSchema).min(1).max(32) })
  .refine(({ issuers }) => new Set(issuers.map(({ issuer }) => issuer)).size === issuers.length, {
    message: 'names an issuer twice',
    path: ['issuers'],
  })

/** Whose tokens are taken besides our own, and what their holders may do. */
export type OidcSettings = z.output<typeof settingsSchema>

export type OidcIssuer = OidcSettings['issuers'][number]

/** The first rule of an issuer whose claims a token has says what its holder may do. */
export type OidcRule = OidcIssuer['rules'][number]

/** The settings, or what is wrong with them: sentences that begin with the place. */
export function readOidcSettings(text: string): OidcSettings | readonly string[] {
  const content = parseYaml(text)
  if (content instanceof YAMLParseError) return [`is not YAML: ${content.message.split('\n')[0] ?? ''}`]
  const { success, data, error } = settingsSchema.safeParse(content)
  return success ? data : error.issues.map(describeIssue)
}

function parseYaml(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0 }) as unknown
  } catch (error) {
    // Aliases are refused by an error of another kind.
    if (error instanceof YAMLParseError) return error
    return new YAMLParseError([0, 0], 'BAD_ALIAS', String(error))
  }
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const place = issue.path.map(String).join('.')
  return `${place === '' ? 'the file' : place}: ${issue.message.slice(0, 300)}`
}

function isNarrow(claims: Readonly<Record<string, unknown>>): boolean {
  return Object.values(claims).some((pattern) => !/^\*+$/.test(String(pattern)))
}

/** OpenID Connect Core 1.0, §2. So a subject of ours, with its `#`, is of one issuer only. */
function isIssuer(text: string): boolean {
  return !/[?#]/.test(text)
}

/** Keys that come over plain HTTP are anybody's, but on this machine. */
function isSafeUrl(text: string): boolean {
  const { protocol, hostname, username } = new URL(text)
  if (username !== '') return false
  const isHere = hostname === '127.0.0.1' || hostname === 'localhost' || hostname === '[::1]'
  return protocol === 'https:' || (protocol === 'http:' && isHere)
}
