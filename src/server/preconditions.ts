import type { IncomingHttpHeaders } from 'node:http'

/** What a request's conditions are held against. */
export interface Validators {
  /** Strong, with its quotes. */
  readonly etag: string
  /** Undefined where the modification time may not tell two contents apart. */
  readonly modified: Date | undefined
}

/** In the order of RFC 9110 §13.2.2, for GET and HEAD of something that exists. */
export function checkPreconditions(
  headers: IncomingHttpHeaders,
  { etag, modified }: Validators,
): 'proceed' | 'not-modified' | 'failed' {
  const ifMatch = headers['if-match']
  if (ifMatch !== undefined) {
    if (!listMatches(ifMatch, etag, 'strong')) return 'failed'
  } else if (isAfter(modified, headers['if-unmodified-since'])) return 'failed'
  const ifNoneMatch = headers['if-none-match']
  if (ifNoneMatch !== undefined) return listMatches(ifNoneMatch, etag, 'weak') ? 'not-modified' : 'proceed'
  return isAfter(modified, headers['if-modified-since']) === false ? 'not-modified' : 'proceed'
}

/**
 * Whether Range is to be heeded (RFC 9110 §13.1.5). A date never matches: times are to the second, and a wrong
 * "yes" would join the halves of two contents.
 */
export function rangeApplies(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange === etag
}

function listMatches(list: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true
  const tags = list.match(/(?:W\/)?"[^"]*"/g) ?? []
  return tags.some((tag) => tag === etag || (comparison === 'weak' && tag === `W/${etag}`))
}

/** Undefined when there is no such condition, or it is not a date and so not a condition. */
function isAfter(modified: Date | undefined, date: string | undefined): boolean | undefined {
  const limit = Date.parse(date ?? '')
  if (modified === undefined || Number.isNaN(limit)) return undefined
  return Math.floor(modified.getTime() / 1000) > Math.floor(limit / 1000)
}
