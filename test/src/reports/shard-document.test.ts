import { expect, test } from 'vitest'
import {
  decodeShard,
  encodeShard,
  shardDigitOf,
  shardDigits,
  shardKey,
} from '../../../src/reports/shard-document.ts'

const failed = { from: null, phase: 'fetch', outcome: 'failed', code: 'X' } as const

test('comes back as it was written', () => {
  const outcomes = [{ ...failed, machines: [0, 0xfedc_ba98_7654], minutes: [3, 4] }]
  const shard = { channel: 'stable', releases: [{ release: 2, heard: 5, outcomes, beyond: 1 }] }
  expect(decodeShard(Buffer.from(encodeShard(shard)))).toEqual(shard)
})

test('a machine is in the shard that its id begins with', () => {
  expect(shardDigitOf(0x0fff_ffff_ffff)).toBe('0')
  expect(shardDigitOf(0x1000_0000_0000)).toBe('1')
  expect(shardDigitOf(2 ** 48 - 1)).toBe('f')
  expect(new Set(shardDigits.map((digit) => shardKey('stable', digit))).size).toBe(16)
})

test.each([
  '{}',
  '{"channel":"c","format":1,"releases":[{"beyond":0,"heard":1,"outcomes":[{"machines":"00"}],"release":1}]}',
])('%s is no shard', (text) => {
  expect(() => decodeShard(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }))
})
