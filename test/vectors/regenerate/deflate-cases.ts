import { digestOf } from '../../../manifests/digest.ts'
import { makeBytes, type ByteRecipe } from '../../support/byte-recipes.ts'
import { deflate, parametersOf } from './compressed-files.ts'

export function deflateCases() {
  const repeat = (bytes: number): ByteRecipe => ({ recipe: 'repeat', text: 'All work and no play.\n', bytes })
  const shortNoise: ByteRecipe = { recipe: 'sha256-counter', seed: 'deflate', bytes: 300 }
  const mixed: ByteRecipe = {
    recipe: 'concatenation',
    parts: [0, 1, 2, 3, 4, 5].flatMap((part): ByteRecipe[] => [
      { recipe: 'sha256-counter', seed: `deflate ${part % 4}`, bytes: 12000 + 500 * part },
      { recipe: 'repeat', text: `part ${part} of the whole; `, bytes: 20000 - 100 * part },
      { recipe: 'zeros', bytes: 777 },
    ]),
  }
  const levels = [1, 2, 3, 4, 5, 6, 7, 8, 9]
  const all = [
    ...levels.flatMap((level) => [parametersOf(level, 'gzip'), parametersOf(level, 'zlib')]),
    parametersOf(6, 'zlib', 9),
    parametersOf(6, 'zlib', 1),
    parametersOf(9, 'zlib', 8, 9),
    parametersOf(9, 'zlib', 9, 15, true),
  ]
  const inputs: [string, ByteRecipe, readonly number[]][] = [
    [
      'no bytes: fixed codes',
      { recipe: 'zeros', bytes: 0 },
      [parametersOf(6, 'gzip'), parametersOf(6, 'zlib')],
    ],
    ['one byte', { recipe: 'zeros', bytes: 1 }, [parametersOf(6, 'gzip'), parametersOf(6, 'zlib')]],
    ['noise: a stored block', shortNoise, [parametersOf(6, 'gzip'), parametersOf(6, 'zlib')]],
    ['a short period', repeat(1000), [parametersOf(6, 'gzip'), parametersOf(6, 'zlib')]],
    ['noise that comes again, text and zeros, over several windows', mixed, all],
  ]
  return inputs.map(([comment, plain, parameters]) => ({
    comment,
    input: { plain, parameters },
    expected: parameters.map((one) => {
      const stream = deflate(makeBytes(plain), one)
      return { bytes: stream.length, digest: digestOf(stream) }
    }),
  }))
}
