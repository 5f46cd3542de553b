import { execFileSync } from 'node:child_process'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  blockBytes,
  decodeMemberHeader,
  encodeMemberHeader,
  memberNameOf,
} from '../../../../src/maintenance/mirror/offline-tar.ts'

const name = fc.stringMatching(/^[A-Za-z0-9._-]{1,120}$/)
const key = fc
  .array(name, { minLength: 1, maxLength: 4 })
  .map((names) => names.join('/'))
  .filter((text) => text.length <= 400)

test('a header says the name and the length that it was made of', () => {
  fc.assert(
    fc.property(key, fc.maxSafeNat(), (text, bytes) => {
      const member = memberNameOf(text)
      const header = encodeMemberHeader(member, bytes)
      expect(header.length).toBe(blockBytes)
      expect(decodeMemberHeader(header)).toEqual({ name: member, bytes })
    }),
  )
})

test('a header in which a bit was changed is none, or the same', () => {
  fc.assert(
    fc.property(key, fc.nat(), fc.nat({ max: blockBytes * 8 - 1 }), (text, bytes, bit) => {
      const header = encodeMemberHeader(memberNameOf(text), bytes)
      header[bit >> 3] = (header[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(decodeMemberHeader(header)).toBeUndefined()
    }),
  )
})

test('tar reads names that are long, and lengths that are large', () => {
  const long = `packs/${'a'.repeat(64)}/${'b'.repeat(64)}.pack`
  const header = encodeMemberHeader(memberNameOf(long), 0)
  const listed = execFileSync('tar', ['-t'], { input: Buffer.concat([header, Buffer.alloc(2 * blockBytes)]) })
  expect(listed.toString().trim()).toBe(long)
  expect(memberNameOf(long)).toBe(long)
  expect(memberNameOf(`tuf/targets/${'c'.repeat(101)}`)).toMatch(/^long\/[0-9a-f]{64}$/)
})
