import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { noise } from '../../support/tree-recipe.ts'
import { vendHere, type HereOutcome } from './vend-here.ts'
import { jsonOf, outcomeOf, startVend } from './vend-process.ts'

let directory = ''
let scratch = ''

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vend-packs-'))
  scratch = join(directory, 'scratch')
  for (const name of ['scratch', 'base', 'web']) mkdirSync(join(directory, name))
  vi.stubEnv('TMPDIR', scratch)
  await succeed('init')
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(directory, { recursive: true, force: true })
})

function environment(): Record<string, string> {
  return { TMPDIR: scratch, VEND_STORE: `file:${directory}/repository`, VEND_KEYS: `${directory}/keys` }
}

async function run(...args: readonly string[]): Promise<HereOutcome> {
  return vendHere(args, environment())
}

async function succeed(...args: readonly string[]): Promise<HereOutcome> {
  const outcome = await run(...args)
  expect(outcome).toMatchObject({ code: 0 })
  return outcome
}

/** Module base is another in each release; web is always the same. */
async function publish(version: number, ...options: readonly string[]): Promise<HereOutcome> {
  const content = Buffer.concat([noise(1, 300_000), noise(version, 1000)])
  writeFileSync(join(directory, 'base/file'), content)
  writeFileSync(join(directory, 'web/page'), 'the same')
  const modules = [`base=${directory}/base`, `web=${directory}/web`, '--include', 'web=base']
  execFileSync('touch', ['-d', '2020-01-01', 'base', 'web', 'web/page'], { cwd: directory })
  return succeed('publish', ...modules, '--release', String(version), ...options)
}

function packsInStore(): string[] {
  const all = readdirSync(join(directory, 'repository'), { recursive: true }).map(String)
  return all.filter((name) => name.endsWith('.pack')).sort()
}

interface PackAnswer {
  readonly bytes: number
  readonly packs: readonly {
    readonly module: string
    readonly isNew: boolean
    readonly key: string
    readonly bytes: number
  }[]
}

test('packs between two releases are made once, for the modules that differ', async () => {
  await publish(1)
  await publish(2)
  const first = jsonOf(await succeed('pack', '1', '2', '--json')) as PackAnswer
  expect(first).toMatchObject({ from: 1, to: 2, packs: [{ module: 'base', isNew: true }] })
  expect(packsInStore()).toEqual([first.packs[0]?.key])
  expect(first.bytes).toBeLessThan(5000)
  const again = jsonOf(await succeed('pack', '1', 'stable', '--json')) as PackAnswer
  expect(again.packs).toEqual([{ ...first.packs[0], isNew: false }])
  expect((await succeed('pack', '1', '2')).stdout).toContain('there already')
  expect((await succeed('pack', '2', 'stable')).stdout).toContain('Nothing differs')
  expect((await succeed('pack', '1', '2', '--module', 'web')).stdout).toContain('Nothing differs')
  expect(readdirSync(scratch)).toEqual([])
  await succeed('verify')
})

test('packs of a first install are of all modules, or those asked for', async () => {
  await publish(1)
  const web = jsonOf(await succeed('pack', 'none', '1', '--module', 'web', '--json')) as PackAnswer
  expect(web).toMatchObject({ from: null, packs: [{ module: 'web' }] })
  const all = jsonOf(await succeed('pack', 'none', 'stable', '--json')) as PackAnswer
  expect(all.packs.map(({ module, isNew }) => [module, isNew])).toEqual([
    ['base', true],
    ['web', false],
  ])
})

test.each([
  ['a module', ['pack', '1', '2', '--module', 'nowhere'], 5, 'nowhere'],
  ['a release', ['pack', '1', '7'], 5, 'there is no release 7'],
  ['a channel', ['preview', 'none', 'nightly'], 5, 'nightly'],
  ['a budget', ['preview', '1', '2', '--budget', 'little'], 2, 'little'],
  ['an origin', ['pack', '..', '2'], 2, '..'],
])('%s that is not there, or no name, is told', async (_, args, code, said) => {
  await publish(1)
  await publish(2)
  const outcome = await run(...args)
  expect(outcome).toMatchObject({ code, stdout: '' })
  expect(outcome.stderr).toContain(said)
  expect(packsInStore()).toEqual([])
})

test('a preview says what an update costs, stores nothing, and holds it against a budget', async () => {
  await publish(1)
  await publish(2)
  const within = await succeed('preview', '1', '2', '--budget', '50kB', '--json')
  expect(jsonOf(within)).toMatchObject({ withinBudget: true, budget: 50_000 })
  const { bytes } = jsonOf(within) as { readonly bytes: number }
  const over = await run('preview', '1', '2', '--budget', String(bytes - 1))
  expect(over.code).toBe(11)
  expect(over.stdout).toContain('over')
  expect((await run('preview', '1', '2', '--budget', String(bytes))).code).toBe(0)
  expect((await run('preview', 'none', '2', '--budget', '100kB')).code).toBe(11)
  expect(packsInStore()).toEqual([])
  const packed = jsonOf(await succeed('pack', '1', '2', '--json')) as PackAnswer
  expect(packed.bytes).toBe(
    (jsonOf(within) as { readonly packs: PackAnswer['packs'] }).packs.reduce(
      (sum, one) => sum + one.bytes,
      0,
    ),
  )
})

test('publish makes packs from releases that are named, or likely', async () => {
  await publish(1)
  await publish(2)
  await publish(3, '--packs-from', '1,2')
  expect(packsInStore()).toHaveLength(2)
  await publish(4, '--packs-from', 'auto')
  expect(packsInStore()).toHaveLength(5)
  expect((await run('publish', `base=${directory}/base`, '--release', '5', '--packs-from', '1,x')).code).toBe(
    2,
  )
  expect(packsInStore()).toHaveLength(5)
})

test('an interrupted pack stores nothing, leaves nothing behind, and is made when asked again', async () => {
  writeFileSync(join(directory, 'base/large'), noise(5, 6_000_000))
  await publish(1)
  const child = startVend(['pack', 'none', '1', '--threads', '1', '--module', 'base'], {
    cwd: directory,
    env: environment(),
  })
  const outcome = outcomeOf(child)
  // Its files are there as soon as it reads.
  while (readdirSync(scratch, { recursive: true }).length < 4 && child.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  child.kill('SIGINT')
  expect(await outcome).toMatchObject({ code: 130, stdout: '' })
  expect((await outcome).stderr).toContain('the same command run again')
  expect(packsInStore()).toEqual([])
  expect(readdirSync(scratch)).toEqual([])
  await succeed('pack', 'none', '1')
  expect(packsInStore()).toHaveLength(2)
})
