import { describe, expect, test } from 'vitest'
import { checkPreconditions, rangeApplies } from '../../../src/server/preconditions.ts'

const etag = '"a"'
const modified = new Date('2026-01-02T03:04:05.678Z')
const [before, same, after] = [-2000, 0, 2000].map((ms) => new Date(modified.getTime() + ms).toUTCString())

describe('checkPreconditions', () => {
  test.each([
    [{}, 'proceed'],
    [{ 'if-none-match': '"a"' }, 'not-modified'],
    [{ 'if-none-match': 'W/"a"' }, 'not-modified'],
    [{ 'if-none-match': '"b", "a"' }, 'not-modified'],
    [{ 'if-none-match': '"b","c" , W/"a"' }, 'not-modified'],
    [{ 'if-none-match': '*' }, 'not-modified'],
    [{ 'if-none-match': '"b"' }, 'proceed'],
    [{ 'if-none-match': 'a' }, 'proceed'],
    [{ 'if-none-match': '"x,a"' }, 'proceed'],
    [{ 'if-match': '"a"' }, 'proceed'],
    [{ 'if-match': '"b", "a"' }, 'proceed'],
    [{ 'if-match': '*' }, 'proceed'],
    [{ 'if-match': 'W/"a"' }, 'failed'],
    [{ 'if-match': '"b"' }, 'failed'],
    [{ 'if-match': '' }, 'failed'],
    [{ 'if-match': '"b"', 'if-none-match': '"a"' }, 'failed'],
    [{ 'if-match': '"a"', 'if-none-match': '"a"' }, 'not-modified'],
    [{ 'if-modified-since': same }, 'not-modified'],
    [{ 'if-modified-since': after }, 'not-modified'],
    [{ 'if-modified-since': before }, 'proceed'],
    [{ 'if-modified-since': 'yesterday' }, 'proceed'],
    [{ 'if-modified-since': same, 'if-none-match': '"b"' }, 'proceed'],
    [{ 'if-unmodified-since': same }, 'proceed'],
    [{ 'if-unmodified-since': before }, 'failed'],
    [{ 'if-unmodified-since': 'yesterday' }, 'proceed'],
    [{ 'if-unmodified-since': before, 'if-match': '"a"' }, 'proceed'],
  ] as const)('%o: %s', (headers, verdict) => {
    expect(checkPreconditions(headers, { etag, modified })).toBe(verdict)
  })

  test('heeds no date where dates do not tell contents apart', () => {
    const validators = { etag, modified: undefined }
    expect(checkPreconditions({ 'if-modified-since': after }, validators)).toBe('proceed')
    expect(checkPreconditions({ 'if-unmodified-since': before }, validators)).toBe('proceed')
  })
})

describe('rangeApplies', () => {
  test.each([
    [undefined, true],
    ['"a"', true],
    ['"b"', false],
    ['W/"a"', false],
    [same, false],
    ['*', false],
  ])('%s: %s', (ifRange, applies) => {
    expect(rangeApplies(ifRange, etag)).toBe(applies)
  })
})
