import { expect, test } from 'vitest'
import {
  parseByteCount,
  parseLimits,
  parseTrustProxy,
  parseYesOrNo,
} from '../../../src/cli/serving-setting-parsers.ts'

test.each([
  ['yes', true],
  ['true', true],
  ['no', false],
  ['false', false],
])('%s', (text, value) => {
  expect(parseYesOrNo(text)).toBe(value)
})

test.each([
  ['0', 0],
  ['500', 500],
  ['64GB', 64e9],
  ['64 GiB', 64 * 2 ** 30],
  ['1TB', 1e12],
  ['3kB', 3000],
])('%s bytes', (text, bytes) => {
  expect(parseByteCount(text)).toBe(bytes)
})

test.each(['none', '2', '10.0.0.0/8', '127.0.0.1,::1', 'loopback, 2001:db8::/32'])('proxies: %s', (text) => {
  const proxies = parseTrustProxy(text)
  expect(proxies).toEqual(text === 'none' ? false : text === '2' ? 2 : text.split(/, ?/))
})

test('limits by name', () => {
  expect(parseLimits('maxConnections=20, shutdownGraceMs=5000')).toEqual({
    maxConnections: 20,
    shutdownGraceMs: 5000,
  })
})

test.each([
  [parseYesOrNo, 'on', '"on" is neither yes nor no'],
  [parseByteCount, '64 gigs', '"64 gigs" is not a number of bytes'],
  [parseByteCount, '-1', 'not a number of bytes'],
  [parseByteCount, '999999999999999TB', 'not a number of bytes'],
  [parseTrustProxy, 'true', '"true" is no proxy'],
  [parseTrustProxy, '0', '"0" is no proxy'],
  [parseTrustProxy, '10.0.0.0/33', '"10.0.0.0/33" is no proxy'],
  [parseTrustProxy, 'loopback,,::1', '"" is no proxy'],
  [parseLimits, 'maxConnection=1', 'there is no limit maxConnection; did you mean maxConnections?'],
  [parseLimits, 'x=1', 'there is no limit x; there are maxHeaderBytes'],
  [parseLimits, 'maxConnections', '"maxConnections" is not NAME=NUMBER'],
  [parseLimits, 'maxConnections=-1', 'not NAME=NUMBER'],
])('%O refuses %s', (parse, text, message) => {
  expect(() => parse(text)).toThrow(message)
})
