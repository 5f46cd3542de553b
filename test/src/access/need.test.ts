import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { grantNames, type Grant } from '../../../src/access/grant.ts'
import { lackingFor } from '../../../src/access/need.ts'

const publish = (modules: string[], channels: string[]): Grant => ({ may: 'publish', modules, channels })

describe('a need', () => {
  test.each(grantNames)('of %s is met by that grant and no other', (may) => {
    const grants = grantNames.map((name): Grant =>
      name === 'publish' ? publish(['*'], ['*']) : { may: name },
    )
    for (const grant of grants) {
      expect(lackingFor({ may }, [grant]) === undefined).toBe(grant.may === may)
    }
    expect(lackingFor({ may }, [])).toBe(`the grant "${may}"`)
    expect(lackingFor({ may }, grants)).toBeUndefined()
  })

  test('of publish is met by one grant that has all of it', () => {
    const need = { may: 'publish', modules: ['base', 'web'], channels: ['beta'] } as const
    expect(lackingFor(need, [publish(['base', 'web'], ['beta'])])).toBeUndefined()
    expect(lackingFor(need, [publish(['*'], ['b*'])])).toBeUndefined()
    expect(lackingFor(need, [publish(['base'], ['beta'])])).toBe('the grant "publish" for module web')
    expect(lackingFor(need, [publish(['base', 'web'], ['stable'])])).toBe(
      'the grant "publish" for channel beta',
    )
    expect(lackingFor(need, [{ may: 'operate' }])).toBe(
      'the grant "publish" for module base, module web, channel beta',
    )
  })

  test('of publish is not met by grants that have it together', () => {
    const need = { may: 'publish', modules: ['base'], channels: ['stable'] } as const
    const grants = [publish(['base'], ['beta']), publish(['web'], ['stable'])]
    expect(lackingFor(need, grants)).toMatch(/^the grant "publish" for (?:module base|channel stable)$/)
  })

  test('names no more than a person reads', () => {
    const modules = Array.from({ length: 100 }, (_, i) => `m${i}`)
    expect(lackingFor({ may: 'publish', modules }, [publish([], ['*'])])).toMatch(/m7 and 92 more$/)
  })

  test('is never met with less than it was met with', () => {
    const names = fc.subarray(['a', 'b', 'c'])
    const grants = fc.array(fc.tuple(names, names).map(([modules, channels]) => publish(modules, channels)))
    fc.assert(
      fc.property(grants, grants, names, names, (some, more, modules, channels) => {
        const need = { may: 'publish', modules, channels } as const
        const before = lackingFor(need, some)
        const after = lackingFor(need, [...some, ...more])
        if (before === undefined) expect(after).toBeUndefined()
        const isMet = some.some(
          (grant) =>
            grant.may === 'publish' &&
            modules.every((one) => grant.modules.includes(one)) &&
            channels.every((one) => grant.channels.includes(one)),
        )
        expect(before === undefined).toBe(isMet)
      }),
    )
  })
})
