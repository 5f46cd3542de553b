import { matchesPattern } from '../matches-pattern.ts'
import type { OidcRule } from './oidc-settings.ts'

export type Claims = Readonly<Record<string, unknown>>

const maxName = 200

/** The first whose claims are all there, and as it says. */
export function matchRule(rules: readonly OidcRule[], claims: Claims): OidcRule | undefined {
  return rules.find((rule) =>
    Object.entries(rule.claims).every(([name, pattern]) => matchesClaim(claimOf(claims, name), pattern)),
  )
}

/** A rule's name with the claims in the place of their names in braces, as one line; else the subject. */
export function nameFor({ name = '{sub}' }: OidcRule, claims: Claims): string {
  return name
    .replaceAll(/\{([^{}]+)\}/g, (_, claim: string) => textsOf(claimOf(claims, claim))[0] ?? '')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')
    .slice(0, maxName)
    .toWellFormed()
}

function matchesClaim(claim: unknown, pattern: string | number | boolean): boolean {
  return textsOf(claim).some((text) => matchesPattern(text, String(pattern)))
}

/** Not of a prototype. */
function claimOf(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}

/** A claim that is a list is what any of its members is. */
function textsOf(claim: unknown): string[] {
  const all: readonly unknown[] = Array.isArray(claim) ? claim : [claim]
  return all.flatMap((one) =>
    typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean' ? [String(one)] : [],
  )
}
