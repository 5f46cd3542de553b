import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashToken, isToken, makeTokenSecret, tokenIdIn } from '../../../src/access/token-secret.ts'

describe('a token', () => {
  test('says its id, and is never the same', () => {
    const all = Array.from({ length: 100 }, makeTokenSecret)
    for (const { id, text } of all) {
      expect(text).toMatch(/^vend_[a-z2-7]{16}_[a-z2-7]{59}$/)
      expect(tokenIdIn(text)).toBe(id)
    }
    expect(new Set(all.flatMap(({ id, text }) => [id, text.slice(22)])).size).toBe(200)
  })

  test('has 256 bits that nobody knows, each of them sometimes set', () => {
    const ever = { set: 0n, unset: 0n }
    for (let i = 0; i < 200; i++) {
      const bits = bitsOf(makeTokenSecret().text.slice(22, 74))
      ever.set |= bits
      ever.unset |= ~bits & ((1n << 260n) - 1n)
    }
    // 52 characters are 260 bits, of which the last four are none.
    expect(ever.set.toString(2)).toBe(`${'1'.repeat(256)}0000`)
    expect(ever.unset.toString(2)).toBe('1'.repeat(260))
  })

  test('with any one character changed has a typing mistake', () => {
    const { text } = makeTokenSecret()
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567_'.split('')),
        (at, other) => {
          const changed = text.slice(0, at) + other + text.slice(at + 1)
          expect(tokenIdIn(changed) === undefined).toBe(changed !== text)
        },
      ),
    )
  })

  test.each(['', 'vend_', ' ', 'x', `vend_${'a'.repeat(16)}_${'a'.repeat(59)}`])('%j is none', (text) => {
    expect(tokenIdIn(text)).toBeUndefined()
  })

  test('with white space around it is none', () => {
    const { text } = makeTokenSecret()
    for (const other of [`${text}\n`, ` ${text}`, text.toUpperCase()])
      expect(tokenIdIn(other)).toBeUndefined()
  })

  test('is known again by its hash, and no other is', () => {
    const [one, other] = [makeTokenSecret(), makeTokenSecret()]
    expect(isToken(one.text, hashToken(one.text))).toBe(true)
    expect(isToken(other.text, hashToken(one.text))).toBe(false)
  })
})

function bitsOf(text: string): bigint {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
  return text.split('').reduce((bits, character) => (bits << 5n) | BigInt(alphabet.indexOf(character)), 0n)
}
