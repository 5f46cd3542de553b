import { describe, expect, test } from 'vitest'
import { matchRule, nameFor } from '../../../../src/access/oidc/match-rule.ts'
import type { OidcRule } from '../../../../src/access/oidc/oidc-settings.ts'

function rule(claims: OidcRule['claims'], name?: string): OidcRule {
  return { claims, grants: [{ may: 'watch' }], ...(name !== undefined && { name }) }
}

describe('a rule', () => {
  test.each<[OidcRule['claims'], object, boolean]>([
    [{ ref: 'refs/heads/*' }, { ref: 'refs/heads/main' }, true],
    [{ ref: 'refs/heads/*' }, { ref: 'x/refs/heads/main' }, false],
    [{ ref: 'refs/heads/main' }, { ref: 'refs/heads/main2' }, false],
    [{ a: 'x', b: 'y' }, { a: 'x' }, false],
    [{ a: 'x', b: '*' }, { a: 'x', b: '' }, true],
    [{ groups: 'dev' }, { groups: ['ops', 'dev'] }, true],
    [{ groups: 'dev' }, { groups: ['ops', ['dev']] }, false],
    [{ protected: true }, { protected: 'true' }, true],
    [{ protected: true }, { protected: false }, false],
    [{ run: 7 }, { run: 7 }, true],
    [{ sub: '*' }, { sub: null }, false],
    [{ sub: '*' }, {}, false],
    [{ constructor: '*' }, {}, false],
    [{ 'a.c': 'x' }, { abc: 'x' }, false],
    [{ ref: 'a.c' }, { ref: 'abc' }, false],
  ])('%j is for %j: %s', (claims, token, isFor) => {
    expect(matchRule([rule(claims)], token as Record<string, unknown>) !== undefined).toBe(isFor)
  })

  test('wins over those behind it', () => {
    const rules = [rule({ a: 'x' }, 'first'), rule({ a: '*' }, 'second')]
    expect(matchRule(rules, { a: 'x' })?.name).toBe('first')
    expect(matchRule(rules, { a: 'y' })?.name).toBe('second')
  })

  test.each<[string | undefined, object, string]>([
    [undefined, { sub: 's' }, 's'],
    ['ci {repository} #{run}', { repository: 'acme/os', run: 7 }, 'ci acme/os #7'],
    ['{missing}{constructor}!', {}, '!'],
    ['{a}', { a: 'x\n\u202ey\u001b[31m' }, 'xy[31m'],
    ['{a}', { a: 'x'.repeat(500) }, 'x'.repeat(200)],
  ])('named %j calls %j %j', (name, claims, expected) => {
    expect(nameFor(rule({ sub: 'x' }, name), claims as Record<string, unknown>)).toBe(expected)
  })
})
