import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { matchesPattern } from '../../../src/access/matches-pattern.ts'

const text = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-'), maxLength: 12 })
const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 })

test('a pattern means what the regular expression with .* means', () => {
  fc.assert(
    fc.property(text, pattern, (name, one) => {
      const expression = new RegExp(`^${one.replaceAll('.', '\\.').replaceAll('*', '.*')}$`)
      expect(matchesPattern(name, one)).toBe(expression.test(name))
    }),
    { numRuns: 2000 },
  )
})

test('many stars cost no more than the product of both lengths', () => {
  // A backtracking expression would not come to an end.
  expect(matchesPattern('a'.repeat(64), `${'*a'.repeat(31)}*b`)).toBe(false)
  expect(matchesPattern('a'.repeat(10_000), `${'*a'.repeat(500)}*`)).toBe(true)
})
