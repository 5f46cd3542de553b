import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TreeRecipe } from '../../support/tree-recipe.ts'
import { ScratchDirectory } from '../tree/scratch-directory.ts'
import { vendHere, type HereOutcome } from './vend-here.ts'

const scratch = new ScratchDirectory()
const env = {
  VEND_STORE: `file:${scratch.in('repository')}`,
  VEND_KEYS: scratch.in('keys'),
  SOURCE_DATE_EPOCH: '1700000000',
}

function vend(...args: readonly string[]): Promise<HereOutcome> {
  return vendHere(args, env)
}

beforeAll(async () => {
  new TreeRecipe(scratch.in('base')).file('etc/os', 'one').shell('truncate -s 1M holes')
  new TreeRecipe(scratch.in('web')).file('srv/index', 'hello')
  const sources = [`base=${scratch.in('base')}`, `web=${scratch.in('web')}`, '--include', 'web=base']
  expect(await vend('init')).toMatchObject({ code: 0 })
  expect(await vend('publish', ...sources, '--release', '7', '--label', 'Seven')).toMatchObject({ code: 0 })
})

afterAll(() => {
  scratch[Symbol.dispose]()
})

test('a release becomes an image, and programs are told of it', async () => {
  const out = scratch.in('layout')
  const { code, stdout } = await vend('export', 'oci', 'stable', '--out', out, '--json')
  expect(code).toBe(0)
  const answer = JSON.parse(stdout) as Record<string, unknown>
  const layer = { bytes: expect.any(Number) as number, isReused: false }
  expect(answer).toMatchObject({
    release: 7,
    out,
    tags: ['7'],
    image: expect.stringMatching(/^sha256:/) as string,
    platform: expect.stringMatching(/^linux\//) as string,
    layers: [
      { ...layer, module: 'base' },
      { ...layer, module: 'web' },
    ],
    leftOut: [],
    notes: [expect.stringMatching(/^base: 1 files with holes are written whole/) as string],
  })
})

test('people are told what became of it, and what was there already', async () => {
  const out = scratch.in('told')
  const first = await vend('export', 'oci', '7', '--out', out, '--compression', 'zstd')
  expect(first.stdout).toContain(`Exported release 7 to ${out} as 7.`)
  expect(first.stderr).toContain('vend: base: 1 files with holes are written whole')
  const second = await vend(
    'export',
    'oci',
    '7',
    '--out',
    out,
    '--compression',
    'zstd',
    '--tag',
    'os:7',
    '--tag',
    'b',
  )
  expect(second.stdout).toContain('as os:7, b.')
  expect(second.stdout.match(/there already/g)).toHaveLength(2)
})

test('all that is wrong with a command line is said at once, and nothing is made', async () => {
  const args = ['--compression', 'xz', '--tag', 'a b', '--platform', 'arm64', '--module', 'Web', '--out', '']
  const { code, stderr } = await vend('export', 'oci', '07x!', ...args)
  expect(code).toBe(2)
  for (const words of [
    '"xz" is none of',
    '"a b" is no name of an image',
    '"arm64" is no platform',
    '--module',
    '--out: is empty',
  ])
    expect(stderr).toContain(words)
})

test.each([
  [['99'], 5, 'there is no release 99'],
  [['edge'], 5, 'there is no channel "edge"'],
  [['7', '--module', 'wbe'], 5, 'release 7 has no module "wbe"'],
  [['7', '--out', 'FILE'], 4, 'is a file'],
])('what is not there, or in the way, is named: %j', async (args, exitCode, words) => {
  const out = args.includes('--out') ? [] : ['--out', scratch.in('never')]
  const named = args.map((word) => (word === 'FILE' ? join(scratch.in('base'), 'etc/os') : word))
  const { code, stderr } = await vend('export', 'oci', ...named, ...out)
  expect([code, existsSync(scratch.in('never'))]).toEqual([exitCode, false])
  expect(stderr).toContain(words)
  expect(readdirSync(join(scratch.in('base'), 'etc'))).toEqual(['os'])
})

test('what was exported can be published, and becomes the same module', async () => {
  const out = scratch.in('round.tar')
  const tag = 'example.org/os:7'
  expect(await vend('export', 'oci', '7', '--module', 'web', '--out', out, '--tag', tag)).toMatchObject({
    code: 0,
  })
  const source = `all=oci:${out}:${tag}`
  expect(await vend('publish', source, '--release', '8')).toMatchObject({ code: 0 })
  const linesOf = async (name: string): Promise<string[]> =>
    (await vend('ls', name, '/', '--recursive')).stdout.split('\n').sort()
  const lines = await linesOf('8:all')
  expect(lines.join()).toContain('srv/index')
  expect(lines).toEqual(await linesOf('7'))
})
