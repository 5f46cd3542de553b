import { parseProvision } from '../../../src/build/dependency.ts'
import type { Recipe } from '../../../src/build/recipe.ts'

/** A recipe of one package, `name=version` or `name`. */
export function sampleRecipe(
  name: string,
  depends: readonly string[] = [],
  more: Partial<Recipe> & { readonly provides?: readonly string[] } = {},
): Recipe {
  const [base = '', version = '1-1'] = name.split('=')
  const { provides = [], ...rest } = more
  return {
    base,
    version,
    packages: [
      {
        name: base,
        architecture: 'any',
        depends,
        provides: [{ name: base, version }, ...provides.map(parseProvision)],
      },
    ],
    makeDepends: [],
    checkDepends: [],
    files: [],
    sources: [],
    ...rest,
  }
}
