import { spawnSync } from 'node:child_process'
import { array, constantFrom, option, sample, tuple } from 'fast-check'
import { expect, test } from 'vitest'
import { compareDebianVersions } from '../../../src/packages/compare-debian-versions.ts'
import { comparePacmanVersions } from '../../../src/packages/compare-pacman-versions.ts'
import { hasProgram } from '../../support/programs.ts'

const part = array(
  constantFrom('0', '00', '1', '9', '10', '007', '123', 'a', 'b', 'rc', 'Z', '.', '~', '+', '..', '.1', '~~'),
  {
    maxLength: 6,
  },
).map((pieces) => pieces.join(''))
const debianVersion = tuple(constantFrom('', '0:', '1:', '12:'), part, option(part, { nil: undefined })).map(
  ([epoch, upstream, revision]) => {
    return `${epoch}1${upstream}${revision === undefined ? '' : `-${revision === '' ? '0' : revision}`}`
  },
)
const pacmanPart = array(
  constantFrom('0', '1', '10', '09', 'a', 'rc', 'beta', '.', '_', '..', '+', 'Z', '.1', 'git', '~'),
  { maxLength: 6 },
).map((pieces) => pieces.join(''))
const pacmanVersion = tuple(
  constantFrom('', '0:', '1:', '2:'),
  constantFrom('1', '', 'r'),
  pacmanPart,
  option(constantFrom('1', '2', '1.1', '10'), { nil: undefined }),
)
  .map(
    ([epoch, first, rest, release]) => `${epoch}${first}${rest}${release === undefined ? '' : `-${release}`}`,
  )
  .filter((version) => version !== '' && !version.startsWith('-'))

const runs = 400

test.skipIf(!hasProgram('dpkg'))('Debian versions are ordered as dpkg orders them', () => {
  const pairs = sample(tuple(debianVersion, debianVersion), { numRuns: runs, seed: 12 })
  const near = sample(tuple(debianVersion, part), { numRuns: runs, seed: 13 })
  const all = [...pairs, ...near.map(([version, more]) => [version, `${version}${more}`] as const)]
  const script =
    'while read -r a b; do for op in lt eq gt; do dpkg --compare-versions "$a" $op "$b" && echo $op; done; done'
  expectOrders(all, linesFrom('bash', ['-c', script], all), compareDebianVersions)
})

test.skipIf(!hasProgram('vercmp'))('pacman versions are ordered as vercmp orders them', () => {
  const pairs = sample(tuple(pacmanVersion, pacmanVersion), { numRuns: runs, seed: 14 })
  const near = sample(tuple(pacmanVersion, pacmanPart), { numRuns: runs, seed: 15 })
  const all = [...pairs, ...near.map(([version, more]) => [version, `${version}${more}`] as const)]
  const script =
    'while read -r a b; do n=$(vercmp "$a" "$b"); if ((n < 0)); then echo lt; elif ((n > 0)); then echo gt; else echo eq; fi; done'
  expectOrders(all, linesFrom('bash', ['-c', script], all), comparePacmanVersions)
})

function linesFrom(
  program: string,
  args: readonly string[],
  pairs: readonly (readonly [string, string])[],
): string[] {
  const input = pairs.map(([a, b]) => `${a} ${b}\n`).join('')
  const { stdout, status } = spawnSync(program, args, { input, encoding: 'utf8' })
  expect(status === 0 || status === 1).toBe(true)
  return stdout.trim().split('\n')
}

function expectOrders(
  pairs: readonly (readonly [string, string])[],
  wanted: readonly string[],
  compare: (a: string, b: string) => number,
): void {
  expect(wanted).toHaveLength(pairs.length)
  const orderOf = (a: string, b: string): string => {
    const order = compare(a, b)
    return order < 0 ? 'lt' : order > 0 ? 'gt' : 'eq'
  }
  const wrong = pairs.flatMap(([a, b], i) =>
    orderOf(a, b) === wanted[i] ? [] : [`${a} ${wanted[i]} ${b}, not ${orderOf(a, b)}`],
  )
  expect(wrong).toEqual([])
  // All three ways occur, or nothing was tested.
  expect(new Set(wanted).size).toBe(3)
}
