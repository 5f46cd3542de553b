import { makeBytes } from '../../support/byte-recipes.ts'
import { gzip, parametersOf, zip, zlib } from './compressed-files.ts'
import type { PackSample, SampleContent } from './pack-sample.ts'
import { sideOf, sideOfRecipe } from './pack-side.ts'
import { predictedSamples } from './predicted-samples.ts'

const noise = (seed: string, bytes: number): Buffer => makeBytes({ recipe: 'sha256-counter', seed, bytes })
const text = (seed: string, lines: number): Buffer =>
  Buffer.from(
    Array.from(
      { length: lines },
      (_, line) => `${line} ${noise(`${seed} ${line % 7}`, 6).toString('hex')}\n`,
    ).join(''),
  )

export function samples(): PackSample[] {
  return [installSample(), ...updateSamples(), ...repackedSamples(), ...predictedSamples()]
}

function installSample(): PackSample {
  return {
    name: 'install',
    comment: 'from nothing: the manifest as it is, two contents whole',
    from: undefined,
    to: sideOf([Buffer.from('abc'), text('install', 60)]),
    hasColumns: false,
    items: [{ content: 0 }, { content: 1 }],
  }
}

function updateSamples(): PackSample[] {
  const [a, b] = [noise('a', 3000), noise('b', 2000)]
  const changed = Buffer.from(a)
  for (const at of [10, 500, 501, 502, 2999]) changed[at] = (changed[at] as number) ^ 0x55
  const from = sideOf([a, b, text('unchanged', 10)])
  const to = sideOf([
    Buffer.concat([
      noise('new', 40),
      changed.subarray(0, 1800),
      noise('between', 30),
      changed.subarray(1800),
    ]),
    text('unchanged', 10),
    Buffer.concat([b.subarray(1000), a.subarray(0, 1500), b.subarray(0, 700)]),
    Buffer.concat([noise('long', 5000), a.subarray(0, 400)]),
  ])
  const items: SampleContent[] = [
    { content: 0, bases: [0] },
    { content: 2, bases: [1, 0] },
    { content: 3, bases: [0], partBytes: 2000 },
  ]
  const sample = { from, to, hasColumns: true, items }
  return [
    {
      ...sample,
      name: 'update',
      comment:
        'copies with differences; two bases; a content in parts over several groups; the manifest in columns',
    },
    {
      ...sample,
      name: 'blind',
      sameAs: 'update',
      comment: 'the same without the second old content',
      missing: [1],
    },
    {
      name: 'long',
      comment: 'a copy of more than one step (§11.2.1)',
      from: sideOfRecipe({
        recipe: 'concatenation',
        parts: [
          { recipe: 'sha256-counter', seed: 'x', bytes: 100 },
          { recipe: 'repeat', text: 'again and ', bytes: 1_200_000 },
        ],
      }),
      to: sideOfRecipe({
        recipe: 'concatenation',
        parts: [
          { recipe: 'sha256-counter', seed: 'y', bytes: 3 },
          { recipe: 'sha256-counter', seed: 'x', bytes: 100 },
          { recipe: 'repeat', text: 'again and ', bytes: 1_100_000 },
          { recipe: 'sha256-counter', seed: 'z', bytes: 9 },
        ],
      }),
      hasColumns: true,
      items: [{ content: 0, bases: [0] }],
    },
  ]
}

function repackedSamples(): PackSample[] {
  const [before, after] = [text('packed', 300), Buffer.concat([text('packed', 200), text('more', 50)])]
  const ways: [content: Buffer, basis: Buffer][] = [
    [gzip(after, parametersOf(9, 'gzip')), gzip(before, parametersOf(6, 'gzip'))],
    [zlib(after, parametersOf(6, 'zlib', 9)), zlib(before, parametersOf(1, 'zlib'))],
    [
      zip([after, text('other', 40)], parametersOf(6, 'zlib')),
      zip([before, text('other', 44)], parametersOf(6, 'zlib')),
    ],
  ]
  return [
    {
      name: 'repacked',
      comment:
        'a gzip file, a zlib stream and a zip archive, each from one that is compressed alike or otherwise; the first also without a basis',
      from: sideOf(ways.map(([, basis]) => basis)),
      to: sideOf([gzip(text('alone', 90), parametersOf(1, 'gzip')), ...ways.map(([content]) => content)]),
      hasColumns: true,
      items: [
        { content: 0, isRepacked: true },
        ...ways.map((_, index) => ({ content: index + 1, bases: [index], isRepacked: true })),
      ],
    },
  ]
}
