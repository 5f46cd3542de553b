import type { JsonValue } from '../../manifests/canonical-json.ts'
import { formatInstant } from '../../manifests/fields.ts'
import { describeGrant } from '../access/grant.ts'
import type { Token } from '../access/token-document.ts'
import { formatBytes } from './format-quantity.ts'
import { formatPairs } from './table.ts'

export function tokenState({ revoked, expires }: Token, now: Date): 'good' | 'revoked' | 'expired' {
  if (revoked !== undefined) return 'revoked'
  return expires <= now ? 'expired' : 'good'
}

/** All that is known of a token, which is not the token. */
export function tokenJson(token: Token, now: Date): { readonly [name: string]: JsonValue | undefined } {
  const { id, name, grants, created, expires, revoked, limits } = token
  return {
    id,
    name,
    state: tokenState(token, now),
    grants,
    created: formatInstant(created),
    expires: formatInstant(expires),
    revoked: revoked && formatInstant(revoked),
    limits: { ...limits },
  }
}

export function describeToken(token: Token, now: Date): string {
  const { id, name, grants, created, expires, revoked, limits } = token
  return formatPairs([
    ['id', id],
    ['name', name],
    ['state', tokenState(token, now)],
    ...grants.map((grant, i): [string, string] => [i === 0 ? 'may' : '', describeGrant(grant)]),
    ['created', formatInstant(created)],
    ['expires', formatInstant(expires)],
    ...(revoked === undefined ? [] : [['revoked', formatInstant(revoked)] as const]),
    ...describeLimits(limits),
  ])
}

function describeLimits({ requestsPerMinute, bytesPerDay }: Token['limits']): [string, string][] {
  return [
    ...(requestsPerMinute === undefined
      ? []
      : [['requests a minute', String(requestsPerMinute)] as [string, string]]),
    ...(bytesPerDay === undefined ? [] : [['bytes a day', formatBytes(bytesPerDay)] as [string, string]]),
  ]
}
