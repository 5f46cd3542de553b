import { describe, expect, test } from 'vitest'
import { digestFromHex, type Digest } from '../../../manifests/digest.ts'
import type { Release } from '../../../manifests/release.ts'
import { stepsBetween } from '../../../src/delivery/release-packs.ts'

function release(version: number, modules: Readonly<Record<string, string>>): Release {
  const described = Object.entries(modules).map(([name, letter]) => [
    name,
    { manifest: { digest: digestOf(letter), bytes: 100 }, includes: [], entries: 1, contentBytes: 10 },
  ])
  return { version, modules: Object.fromEntries(described) as Release['modules'] } as Release
}

function digestOf(letter: string): Digest {
  return digestFromHex(letter.repeat(64))
}

const before = release(1, { kernel: 'a', base: 'b', gone: 'c' })
const after = release(2, { kernel: 'd', base: 'b', new: 'e' })

function namesOf(steps: ReturnType<typeof stepsBetween>): (readonly [string, Digest | undefined])[] {
  return steps.map(({ module, from }) => [module, from?.digest])
}

describe('the steps between two releases', () => {
  test('are the modules that changed or are new, by name', () => {
    const steps = stepsBetween(before, after)
    expect(namesOf(steps)).toEqual([
      ['kernel', digestOf('a')],
      ['new', undefined],
    ])
    expect(steps[0]?.to).toEqual({ digest: digestOf('d'), bytes: 100 })
  })

  test('from nothing are all modules', () => {
    expect(namesOf(stepsBetween(undefined, after))).toEqual([
      ['base', undefined],
      ['kernel', undefined],
      ['new', undefined],
    ])
  })

  test('are only those that are asked for, where there are any', () => {
    expect(namesOf(stepsBetween(before, after, ['new', 'base']))).toEqual([['new', undefined]])
    expect(stepsBetween(before, before)).toEqual([])
  })
})
