import { expect, test } from 'vitest'
import { parseErrorCode } from '../../../src/cli/parse-error-code.ts'
import { parseShare } from '../../../src/cli/parse-share.ts'

test.each([
  ['2%', 0.02],
  ['0.5 %', 0.005],
  ['99.9%', 0.999],
  ['0.0001%', 0.000_001],
])('%s is a share', (text, share) => {
  expect(parseShare(text)).toBeCloseTo(share, 12)
})

test.each(['', '2', '0%', '0.0%', '100%', '-1%', '1e1%', '101%', '2 percent', '0.00001%'])(
  '%j is none',
  (text) => {
    expect(() => parseShare(text)).toThrow(/is not a share above 0 and below 100 %/)
  },
)

test('error codes are those that documents have', () => {
  expect(parseErrorCode('SERVER_UNREACHABLE')).toBe('SERVER_UNREACHABLE')
  for (const text of ['', 'x', 'A B', '1A', 'A'.repeat(41)]) expect(() => parseErrorCode(text)).toThrow()
})
