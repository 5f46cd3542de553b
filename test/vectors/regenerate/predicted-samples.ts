import { makeBytes } from '../../support/byte-recipes.ts'
import { Random } from '../../support/random.ts'
import { buildProgram, makeProgram, rebuild, type SyntheticProgram } from '../../support/synthetic-program.ts'
import type { PackSample } from './pack-sample.ts'
import { sideOf } from './pack-side.ts'

/** The first program of this kind that the recipe makes. */
function programOf(isWanted: (program: SyntheticProgram) => boolean): {
  readonly program: SyntheticProgram
  readonly random: Random
} {
  for (let seed = 0; ; seed++) {
    const random = new Random(seed)
    const program = makeProgram(random)
    if (isWanted(program)) return { program, random }
  }
}

export function predictedSamples(): PackSample[] {
  const kinds: [name: string, comment: string, isWanted: (program: SyntheticProgram) => boolean][] = [
    [
      'x86-64',
      'a shared x86-64 program',
      (one) => one.machine === 'x86-64' && one.type === 'shared' && one.types === undefined,
    ],
    [
      'x86-64-fixed',
      'a fixed x86-64 program',
      (one) => one.machine === 'x86-64' && one.type === 'fixed' && one.types === undefined,
    ],
    [
      'aarch64',
      'a shared AArch64 program',
      (one) => one.machine === 'aarch64' && one.type === 'shared' && one.types === undefined,
    ],
    [
      'relocatable',
      'a relocatable x86-64 file',
      (one) => one.machine === 'x86-64' && one.type === 'relocatable' && one.types === undefined,
    ],
  ]
  const linked = kinds.map(([name, comment, isWanted]): PackSample => {
    const { program, random } = programOf(isWanted)
    const [basis, target] = [buildProgram(program), buildProgram(rebuild(program, random))]
    return {
      name,
      comment: `${comment} from an earlier build, its references predicted`,
      from: sideOf([basis]),
      to: sideOf([target]),
      hasColumns: true,
      items: [{ content: 0, bases: [0] }],
    }
  })
  return [...linked, typesSample()]
}

/** Two files that learn from each other, and a third that does not. */
function typesSample(): PackSample {
  const { program, random } = programOf((one) => one.type === 'relocatable' && one.types !== undefined)
  const next = rebuild(program, random)
  const third = rebuild(program, random)
  return {
    name: 'types',
    comment:
      'relocatable files with .BTF and __versions: the second learns from the first, the third is in a fresh group',
    from: sideOf([buildProgram(program), Buffer.concat([buildProgram(program), signature('old')])]),
    to: sideOf([
      buildProgram(next),
      Buffer.concat([buildProgram(next), signature('new')]),
      buildProgram(third),
    ]),
    hasColumns: true,
    items: [
      { content: 0, bases: [0] },
      { content: 1, bases: [1] },
      { content: 2, bases: [0], isFresh: true },
    ],
  }
}

function signature(seed: string): Buffer {
  return makeBytes({ recipe: 'sha256-counter', seed, bytes: 20 })
}
