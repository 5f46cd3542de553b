import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { hashInputs, type BuildInputs } from '../../../src/build/input-hash.ts'

const names = fc.stringMatching(/^[a-z][a-z0-9.+_-]{0,8}$/)
const texts = fc.stringMatching(/^[a-z0-9:+]{1,12}$/)
const inputs: fc.Arbitrary<BuildInputs> = fc.record({
  base: names,
  pkgbuild: texts,
  files: fc.dictionary(names, texts, { maxKeys: 4 }),
  remote: fc.dictionary(names, fc.array(texts, { maxLength: 2 }), { maxKeys: 3 }),
  needs: fc.dictionary(names, texts, { maxKeys: 4 }),
  tools: fc.dictionary(names, texts, { maxKeys: 4 }),
})

test('is the same for the same inputs, in whatever order they were found', () => {
  const turned = (record: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(record).reverse())
  fc.assert(
    fc.property(inputs, (given) => {
      const { files, needs, tools } = given
      const again = { ...given, files: turned(files), needs: turned(needs), tools: turned(tools) }
      expect(hashInputs(again)).toBe(hashInputs(structuredClone(given)))
    }),
  )
})

test('is another for any other inputs', () => {
  fc.assert(
    fc.property(inputs, inputs, (a, b) => {
      const areSame = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
      expect(hashInputs(a) === hashInputs(b)).toBe(areSame)
    }),
  )
})

test('is another when any one thing in it is changed, added or gone', () => {
  const fields = ['files', 'remote', 'needs', 'tools'] as const
  fc.assert(
    fc.property(inputs, fc.constantFrom(...fields), names, (given, field, name) => {
      const { [name]: was, ...without } = given[field]
      const value = field === 'remote' ? ['other!'] : 'other!'
      const changed = { ...given, [field]: { ...given[field], [name]: value } }
      expect(hashInputs(changed)).not.toBe(hashInputs(given))
      if (was !== undefined) expect(hashInputs({ ...given, [field]: without })).not.toBe(hashInputs(given))
      expect(hashInputs({ ...given, base: `${given.base}x` })).not.toBe(hashInputs(given))
      expect(hashInputs({ ...given, pkgbuild: `${given.pkgbuild}x` })).not.toBe(hashInputs(given))
    }),
  )
})

/** With members in one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)]))
}
