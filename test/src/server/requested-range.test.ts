import { expect, test } from 'vitest'
import { requestedRange } from '../../../src/server/requested-range.ts'

test.each([
  ['bytes=0-0', 100, { start: 0, end: 1 }],
  ['bytes=0-99', 100, { start: 0, end: 100 }],
  ['bytes=10-', 100, { start: 10, end: 100 }],
  ['bytes=99-', 100, { start: 99, end: 100 }],
  ['bytes=50-1000', 100, { start: 50, end: 100 }],
  ['bytes=-1', 100, { start: 99, end: 100 }],
  ['bytes=-100', 100, { start: 0, end: 100 }],
  ['bytes=-1000', 100, { start: 0, end: 100 }],
  ['Bytes=1-2', 100, { start: 1, end: 3 }],
  ['bytes=0-99999999999999999999999999', 100, { start: 0, end: 100 }],
])('%s of %i bytes is a range', (header, bytes, range) => {
  expect(requestedRange(header, bytes)).toEqual(range)
})

test.each([
  ['bytes=100-', 100],
  ['bytes=100-200', 100],
  ['bytes=99999999999999999999999999-', 100],
  ['bytes=-0', 100],
  ['bytes=0-', 0],
  ['bytes=0-0', 0],
])('%s begins after the end of %i bytes', (header, bytes) => {
  expect(requestedRange(header, bytes)).toBe('outside')
})

test.each([
  undefined,
  '',
  'bytes=',
  'bytes=-',
  'bytes=2-1',
  'bytes=a-b',
  'bytes=1.5-2',
  'bytes=+1-2',
  'bytes 0-1',
  'bytes=0-1,3-4',
  'bytes=0-1, -1',
  'items=0-1',
  'bytes=0-1;',
])('%s asks for the whole', (header) => {
  expect(requestedRange(header, 100)).toBeUndefined()
})

test('the end of nothing is the whole of it', () => {
  expect(requestedRange('bytes=-5', 0)).toBeUndefined()
})
