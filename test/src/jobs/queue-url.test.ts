import { expect, test } from 'vitest'
import { nameOfQueue, parseQueueUrl } from '../../../src/jobs/queue-url.ts'

const usual = { kind: 'redis', port: 6379, db: 0, tls: false, prefix: 'vend', lockMs: 30_000 }

test.each([
  ['redis://localhost', { ...usual, host: 'localhost' }],
  ['redis://10.0.0.1:7000/3', { ...usual, host: '10.0.0.1', port: 7000, db: 3 }],
  ['rediss://queue.example/', { ...usual, host: 'queue.example', tls: true }],
  ['redis://:s%40cret@h', { ...usual, host: 'h', password: 's@cret' }],
  ['redis://user:word@h', { ...usual, host: 'h', username: 'user', password: 'word' }],
  ['redis://[::1]:6380', { ...usual, host: '::1', port: 6380 }],
  ['redis://h?prefix=os-2&lock=5s', { ...usual, host: 'h', prefix: 'os-2', lockMs: 5000 }],
])('%s', (url, place) => {
  expect(parseQueueUrl(url)).toMatchObject(place)
})

test('inline:', () => {
  expect(parseQueueUrl('inline:')).toEqual({ kind: 'inline' })
})

test.each([
  'localhost',
  'inline',
  'http://h',
  'redis://',
  'redis:h',
  'redis://:secret@h/x',
  'redis://:secret@h/1/2',
  'redis://:secret@h:99999',
  'redis://:secret@h?prefix=A',
  'redis://:secret@h?prefix=',
  'redis://:secret@h?db=1',
  'redis://:secret@h?lock=0s',
  'redis://:secret@h?lock=30',
])('%s is refused, and no password is told', (url) => {
  expect(() => parseQueueUrl(url)).toThrow(/^(?!.*secret)/)
})

test('a name has neither user nor password', () => {
  expect(nameOfQueue(parseQueueUrl('rediss://user:word@queue.example:1/2?prefix=a'))).toBe(
    'rediss://queue.example:1/2?prefix=a',
  )
  expect(nameOfQueue(parseQueueUrl('redis://[::1]'))).toBe('redis://[::1]:6379/0')
  expect(nameOfQueue({ kind: 'inline' })).toBe('inline:')
})
