import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { planHooks, type HookedModules } from '../../../../src/client/hooks/plan-hooks.ts'

const run = (name: string): { name: string; run: string[] } => ({ name, run: [`/bin/${name}`] })

function namesOf(modules: HookedModules, names = Object.keys(modules)): string[] {
  return planHooks(modules, names).map(({ module, name }) => `${module} ${name}`)
}

test('included modules come first, and else the first by name', () => {
  const modules = {
    a: { includes: ['z'], hooks: [run('a1'), run('a0')] },
    b: { includes: [], hooks: [run('b')] },
    z: { includes: ['b'], hooks: [run('z')] },
    none: { includes: [] },
  }
  expect(namesOf(modules)).toEqual(['b b', 'z z', 'a a1', 'a a0'])
})

test('modules that are not installed have no hooks, and hinder none', () => {
  const modules = { a: { includes: ['b'], hooks: [run('a')] }, b: { includes: [], hooks: [run('b')] } }
  expect(namesOf(modules, ['a'])).toEqual(['a a'])
})

test('what several ask for runs once, at the last place', () => {
  const modules = {
    a: { includes: [], hooks: [run('x'), run('y'), { name: 'other', run: ['/bin/x', ''] }] },
    b: { includes: [], hooks: [{ name: 'again', run: ['/bin/x'] }] },
  }
  expect(namesOf(modules)).toEqual(['a y', 'a other', 'b again'])
})

test('every command runs once, after those of all that its module includes', () => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const arbitrary = fc.tuple(
    ...names.map((_, i) =>
      fc.record({
        includes: fc.subarray(names.slice(0, i)),
        hooks: fc.array(fc.constantFrom(...names).map(run), { maxLength: 3 }),
      }),
    ),
  )
  fc.assert(
    fc.property(arbitrary, fc.constantFrom(...names), (list, last) => {
      const modules = Object.fromEntries(names.map((name, i) => [name, list[i] ?? { includes: [] }]))
      const planned = planHooks(modules, names)
      const wanted = new Set(list.flatMap(({ hooks }) => hooks.map((hook) => hook.run.join())))
      expect(planned.map((hook) => hook.run.join()).sort()).toEqual([...wanted].sort())
      const own = planned.findIndex(({ module }) => module === last)
      if (own === -1) return
      for (const include of modules[last]?.includes ?? []) {
        expect(planned.findLastIndex(({ module }) => module === include)).toBeLessThan(own)
      }
    }),
  )
})
