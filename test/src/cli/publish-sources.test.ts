import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { pax, tarOf } from '../../corpus/tar-maker.ts'
import { vendHere, type HereOutcome } from './vend-here.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-sources-'))
const env = { VEND_STORE: `file:${directory}/repository`, VEND_KEYS: `${directory}/keys` }

async function publish(...args: readonly string[]): Promise<HereOutcome> {
  return vendHere(['publish', ...args], env)
}

async function manifestOf(release: number): Promise<string | undefined> {
  const { stdout } = await vendHere(['show', `${release}`], env)
  return /sha256:[0-9a-f]{64}/.exec(stdout)?.[0]
}

async function pathsIn(release: number | string): Promise<string[]> {
  const { stdout } = await vendHere(['ls', `${release}`, '-R'], env)
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.replace(/^.* \//, '/'))
}

beforeAll(async () => {
  const script = `mkdir -p tree/usr/bin; echo tool > tree/usr/bin/tool; touch -d @7 tree/usr/bin/tool tree/usr/bin tree/usr tree
    tar --format=gnu -C tree -czf tree.tar.gz .; echo bytes > kernel`
  execFileSync('bash', ['-euc', script], { cwd: directory })
  const noted = tarOf([pax(['SCHILY.fflags=nodump']), { path: 'flagged' }])
  writeFileSync(join(directory, 'noted.tar'), noted)
  expect(await vendHere(['init'], env)).toMatchObject({ code: 0 })
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('an archive is published as the directory that it was made of', async () => {
  expect(await publish(`${directory}/tree`, '--release', '1')).toMatchObject({ code: 0 })
  const { code, stdout } = await publish(`${directory}/tree.tar.gz`, '--release', '2')
  expect(code).toBe(0)
  expect(stdout).toMatch(/chunks +1, 0 of them new/)
  const manifest = await manifestOf(1)
  expect(manifest).toBeDefined()
  expect(await manifestOf(2)).toBe(manifest)
})

test('--prefix lays the tree of a module below a directory, and of no other', async () => {
  const args = [`app=${directory}/tree.tar.gz`, `base=dir:${directory}/tree`, '--prefix', 'app=/opt/app']
  expect(await publish(...args, '--release', '3')).toMatchObject({ code: 0 })
  expect(await pathsIn(3)).toEqual([
    '/opt',
    '/opt/app',
    '/opt/app/usr',
    '/opt/app/usr/bin',
    '/opt/app/usr/bin/tool',
    '/usr',
    '/usr/bin',
    '/usr/bin/tool',
  ])
})

test('what a source has and no manifest says is told', async () => {
  const { code, stderr } = await publish(`${directory}/noted.tar`, '--release', '4')
  expect(code).toBe(0)
  expect(stderr).toContain('noted.tar: flagged has file flags, which is left out')
})

test('a file is published as an image module only when that is said', async () => {
  expect(await publish(`${directory}/kernel`, '--release', '5')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('write image: before it') as string,
  })
  const sources = [`kernel=image:${directory}/kernel`, `base=${directory}/tree`]
  expect(await publish(...sources, '--release', '5')).toMatchObject({ code: 0 })
  expect(await pathsIn('5:kernel')).toEqual(['/image'])
  expect(await pathsIn(5)).toEqual(['/usr', '/usr/bin', '/usr/bin/tool'])
})

test('a limit to what a source may unpack to is kept, and can be raised', async () => {
  const args = [`${directory}/tree.tar.gz`, '--release', '6', '--max-unpacked']
  expect(await publish(...args, '5kB')).toMatchObject({
    code: 8,
    stderr: expect.stringContaining(
      'which is the limit; if it is what it should be, allow more with --max-unpacked',
    ) as string,
  })
  expect(await publish(...args, '1MB')).toMatchObject({ code: 0 })
})

test.each([
  [['--prefix', 'b=/x'], '--prefix: there is no module "b" among the sources'],
  [['--prefix', 'a=/x', '--prefix', 'a=/y'], '--prefix: two directories for the module "a"'],
  [['--prefix', 'a=x'], 'write app=/usr/lib/app'],
  [['k=image:KERNEL', '--prefix', 'k=/boot'], '--prefix: an image module is one file'],
  [['o=tar:TREE'], 'is not a file'],
  [['o=dir:KERNEL'], 'is not a directory'],
  [['o=pacman:/no/such'], '/no/such: is not there'],
  [['--max-unpacked', 'much'], '"much" is not a number of bytes'],
  [['--platform', 'pdp11'], '"pdp11" is no platform'],
])('%j is refused before anything is read', async (args, words) => {
  const there = args.map((word) =>
    word.replace('KERNEL', `${directory}/kernel`).replace('TREE', `${directory}/tree`),
  )
  const { code, stderr } = await publish(`a=${directory}/tree`, ...there, '--release', '9')
  expect(code).toBe(2)
  expect(stderr).toContain(words)
})
