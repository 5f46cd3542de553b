import { describe, expect, test } from 'vitest'
import { digestOf } from '../../manifests/digest.ts'
import { checkRelease, selectModules, type Release } from '../../manifests/release.ts'

function release(includes: Record<string, string[]>): Release {
  const manifest = { digest: digestOf(Buffer.from('m')), bytes: 1 }
  const modules = Object.entries(includes).map(
    ([name, included]) => [name, { manifest, includes: included, entries: 0, contentBytes: 0 }] as const,
  )
  return { version: 7, created: '2025-01-01T00:00:00Z', modules: Object.fromEntries(modules) }
}

describe('selectModules', () => {
  const system = release({ base: [], editor: ['lib'], lib: ['base'], shell: ['base'] })

  test('takes what the names include, and what that includes, sorted', () => {
    expect(selectModules(system, ['editor'])).toEqual(['base', 'editor', 'lib'])
    expect(selectModules(system, ['shell', 'lib', 'shell'])).toEqual(['base', 'lib', 'shell'])
  })

  test('takes all, or none', () => {
    expect(selectModules(system, 'all')).toEqual(['base', 'editor', 'lib', 'shell'])
    expect(selectModules(system, [])).toEqual([])
  })

  test.each(['games', 'constructor', '__proto__', ''])('refuses %j, naming what there is', (name) => {
    expect(() => selectModules(system, [name])).toThrow(
      `release 7 has no module "${name}": it has base, editor, lib, shell`,
    )
  })
})

describe('includes', () => {
  test('a circle is shown as it goes round, without the way to it', () => {
    const circular = release({ a: ['b'], b: ['c', 'd'], c: ['e'], d: [], e: ['b'] })
    expect(() => checkRelease(circular)).toThrow(/goes in a circle: b → c → e → b$/)
  })

  test('many ways to the same module are no circle, and cost no time', () => {
    const names = Array.from({ length: 400 }, (_, i) => `m${String(i).padStart(3, '0')}`)
    const dense = release(Object.fromEntries(names.map((name, i) => [name, names.slice(0, i)])))
    expect(checkRelease(dense)).toBe(dense)
  })

  test('a chain may be long', () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `m${String(i).padStart(5, '0')}`)
    const chain = release(Object.fromEntries(names.map((name, i) => [name, names.slice(i + 1, i + 2)])))
    expect(checkRelease(chain)).toBe(chain)
    expect(selectModules(chain, ['m00000'])).toHaveLength(20_000)
  })
})
