import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

// docs/attacks.md names the test of every attack. This holds the names to the tests, and the results to what they are.

const root = resolve(import.meta.dirname, '../..')
const document = readFileSync(join(root, 'docs/attacks.md'), 'utf8')

interface Named {
  readonly name: string
  readonly file: string
  /** The last cell of the row. */
  readonly result: string
}

/** `name` ([file](../test/…)) in the rows of the tables. */
function namedInDocument(): Named[] {
  return document.split('\n').flatMap((line) => {
    if (!line.startsWith('|')) return []
    const result = line.split('|').at(-2)?.trim() ?? ''
    const references = line.matchAll(/`([^`]+)` \(\[[^\]]+\]\(\.\.\/(test\/[^)]+)\)\)/g)
    return [...references].map(([, name = '', file = '']) => ({ name, file, result }))
  })
}

interface Written {
  readonly name: string
  readonly fails: boolean
}

/** The titles of a file's tests, as they are written: those of `test.each` with their placeholders. */
function writtenIn(file: string): Written[] {
  const text = readFileSync(join(root, file), 'utf8')
  // A title, and the function behind it: `test('…', async () =>`, `test.each(…)('…', async (…) =>`.
  const titles = text.matchAll(/(test|test\.fails|\))\(\s*'((?:[^'\\\n]|\\.)+)',\s*(?:async )?\(/g)
  return [...titles].map(([, call, name = '']) => ({ name, fails: call === 'test.fails' }))
}

const named = namedInDocument()
const open = 'open'

test('every name in the table is that of a test', () => {
  expect(named.length).toBeGreaterThan(60)
  const missing = named.filter(({ name, file }) => !writtenIn(file).some((each) => each.name === name))
  expect(missing).toEqual([])
})

test('a row is open if, and only if, one of its tests is expected to fail', () => {
  const wrong = named.filter(({ name, file, result }) => {
    const { fails } = writtenIn(file).find((each) => each.name === name) ?? { fails: false }
    return fails !== result.startsWith(open)
  })
  expect(wrong).toEqual([])
})

test('every attack that is tried is in the table', () => {
  const attacks = globSync('test/attacks/*.integration.test.ts', { cwd: root })
  expect(attacks.length).toBeGreaterThan(3)
  const tried = attacks.flatMap((file) => writtenIn(file).map(({ name }) => ({ name, file })))
  const known = new Set(named.map(({ name, file }) => `${file} ${name}`))
  expect(tried.filter(({ name, file }) => !known.has(`${file} ${name}`))).toEqual([])
})

/** The attacks of the TUF specification (§1.5.2) and of Uptane's threat list, as they are called there. */
const attacks = [
  'Arbitrary software installation',
  'Endless data',
  'Extraneous dependencies',
  'Fast-forward',
  'Indefinite freeze',
  'Malicious mirrors preventing updates',
  'Mix-and-match',
  'Rollback',
  'Slow retrieval',
  'Vulnerability to key compromises',
  'Wrong software installation',
  'Read updates (eavesdrop)',
  'Drop-request',
  'Partial bundle installation',
  'Mixed-bundles',
]

test('no attack that the specifications name is left out', () => {
  const rows = document.split('\n').filter((line) => line.startsWith('| **'))
  expect(attacks.filter((attack) => !rows.some((row) => row.startsWith(`| **${attack}`)))).toEqual([])
})
