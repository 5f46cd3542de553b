import type { Grant, GrantName, PublishGrant } from './grant.ts'
import { matchesPattern } from './matches-pattern.ts'

/** What a request needs. Of publish: leave to change these modules and these channels, by one grant. */
export type Need = { readonly may: Exclude<GrantName, 'publish'> } | PublishNeed

export interface PublishNeed {
  readonly may: 'publish'
  readonly modules?: readonly string[] | undefined
  readonly channels?: readonly string[] | undefined
}

/** What is lacking, as the end of a sentence: `the grant "operate"`. Undefined when nothing is. */
export function lackingFor(need: Need, grants: readonly Grant[]): string | undefined {
  if (need.may !== 'publish') {
    return grants.some(({ may }) => may === need.may) ? undefined : `the grant "${need.may}"`
  }
  const lacks = grants
    .filter((grant) => grant.may === 'publish')
    .map((grant) => outside(need, grant))
    .sort((a, b) => a.length - b.length)
  const [least] = lacks
  if (least === undefined) return describeLack(named(need))
  return least.length === 0 ? undefined : describeLack(least)
}

function named({ modules = [], channels = [] }: PublishNeed): string[] {
  return [...modules.map((name) => `module ${name}`), ...channels.map((name) => `channel ${name}`)]
}

/** What of it a grant does not give. */
function outside({ modules = [], channels = [] }: PublishNeed, grant: PublishGrant): string[] {
  return named({
    may: 'publish',
    modules: modules.filter((name) => !isIn(name, grant.modules)),
    channels: channels.filter((name) => !isIn(name, grant.channels)),
  })
}

function isIn(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matchesPattern(name, pattern))
}

const maxNamed = 8

function describeLack(names: readonly string[]): string {
  if (names.length === 0) return 'the grant "publish"'
  const more = names.length > maxNamed ? ` and ${names.length - maxNamed} more` : ''
  return `the grant "publish" for ${names.slice(0, maxNamed).join(', ')}${more}`
}
