import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { orderRecipes } from '../../../src/build/order-recipes.ts'
import type { Recipe } from '../../../src/build/recipe.ts'
import { sampleRecipe } from './sample-recipe.ts'

function namesOf(recipes: readonly Recipe[], hostProvides: readonly string[] = []): string[] {
  return orderRecipes(recipes, hostProvides).map(({ recipe }) => recipe.base)
}

test('puts every package after what it needs to run, to be built and to be checked', () => {
  const recipes = [
    sampleRecipe('app', ['lib']),
    sampleRecipe('lib', [], { makeDepends: ['tool'], checkDepends: ['data'] }),
    sampleRecipe('tool'),
    sampleRecipe('data'),
  ]
  expect(namesOf(recipes)).toEqual(['data', 'tool', 'lib', 'app'])
  expect(orderRecipes(recipes).find(({ recipe }) => recipe.base === 'lib')?.needs).toEqual(['data', 'tool'])
})

test('finds what is provided under another name, and takes the package of that name first', () => {
  const recipes = [
    sampleRecipe('app', ['sh']),
    sampleRecipe('dash', [], { provides: ['sh'] }),
    sampleRecipe('zsh', [], { provides: ['sh'] }),
  ]
  expect(orderRecipes(recipes).at(-2)?.needs ?? []).toEqual(['dash'])
  const withSh = [...recipes, sampleRecipe('sh')]
  expect(orderRecipes(withSh).find(({ recipe }) => recipe.base === 'app')?.needs).toEqual(['sh'])
})

test('takes the packages of one PKGBUILD for one, which may need each other', () => {
  const library = sampleRecipe('lib')
  const both: Recipe = {
    ...library,
    packages: [
      ...library.packages,
      {
        name: 'lib-tools',
        architecture: 'any',
        depends: ['lib'],
        provides: [{ name: 'lib-tools', version: '1-1' }],
      },
    ],
  }
  expect(orderRecipes([sampleRecipe('app', ['lib-tools']), both])).toEqual([
    { recipe: both, needs: [] },
    expect.objectContaining({ needs: ['lib'] }),
  ])
})

test.each([
  ['lib>=1.10', '1.10-1', true],
  ['lib>=1.10', '1.9-3', false],
  ['lib<2', '2rc1-1', true],
  ['lib=1.2', '1.2-7', true],
  ['lib=1.2-1', '1.2-7', false],
  ['lib>1', '1:0.5-1', true],
])('%s and lib %s: %j', (wanted, version, isEnough) => {
  const recipes = [sampleRecipe('app', [wanted]), sampleRecipe(`lib=${version}`)]
  if (isEnough) expect(namesOf(recipes)).toEqual(['lib', 'app'])
  else expect(() => namesOf(recipes)).toThrow(`app needs ${wanted}, and there is lib ${version}`)
})

test('what is provided without a version is not enough for who asks for one', () => {
  const recipes = [sampleRecipe('app', ['sh>=1']), sampleRecipe('dash', [], { provides: ['sh'] })]
  expect(() => namesOf(recipes)).toThrow('app needs sh>=1, and there is sh without a version')
})

test('names all that is missing at once', () => {
  const recipes = [
    sampleRecipe('a', ['x']),
    sampleRecipe('b', [], { makeDepends: ['y'], checkDepends: ['z'] }),
  ]
  expect(() => namesOf(recipes)).toThrow(
    'a needs x, and no PKGBUILD makes it; b needs y, and no PKGBUILD makes it; b needs z, and no PKGBUILD makes it',
  )
})

test('the building system may have what only builds need, and nothing that runs on machines', () => {
  const recipe = sampleRecipe('b', [], { makeDepends: ['cmake>=3.20'], checkDepends: ['python'] })
  expect(namesOf([recipe], ['cmake', 'python=3.11'])).toEqual(['b'])
  expect(() => namesOf([recipe], ['cmake=3.19', 'python'])).toThrow('b needs cmake>=3.20')
  expect(() => namesOf([sampleRecipe('a', ['python'])], ['python'])).toThrow('a needs python')
})

test('names a circle as it goes', () => {
  const recipes = [
    sampleRecipe('outside', ['b']),
    sampleRecipe('b', ['c']),
    sampleRecipe('c', [], { makeDepends: ['d'] }),
    sampleRecipe('d', ['b']),
    sampleRecipe('free'),
  ]
  expect(() => namesOf(recipes)).toThrow('packages need each other to be built: b → c → d → b')
})

test('refuses two PKGBUILDs of one package', () => {
  expect(() => namesOf([sampleRecipe('a'), sampleRecipe('a')])).toThrow('two PKGBUILDs make a: a and a')
})

test('any set without circles is ordered, the same in whatever order it is given', () => {
  const count = 8
  const edges = fc.uniqueArray(
    fc.tuple(fc.nat(count - 1), fc.nat(count - 1)).filter(([from, to]) => from > to),
    { selector: String },
  )
  const names = Array.from({ length: count }, (_, i) => `p${(i * 5) % count}`)
  fc.assert(
    fc.property(edges, fc.integer({ min: 0, max: count - 1 }), (pairs, turn) => {
      const recipes = names.map((name, i) =>
        sampleRecipe(
          name,
          pairs.filter(([from]) => from === i).map(([, to]) => names[to] ?? ''),
        ),
      )
      const ordered = orderRecipes(recipes)
      const place = new Map(ordered.map(({ recipe }, i) => [recipe.base, i]))
      for (const { recipe, needs } of ordered) {
        for (const need of needs) expect(place.get(need)).toBeLessThan(place.get(recipe.base) ?? -1)
      }
      const turned = [...recipes.slice(turn), ...recipes.slice(0, turn)]
      expect(namesOf(turned)).toEqual(ordered.map(({ recipe }) => recipe.base))
    }),
  )
})
