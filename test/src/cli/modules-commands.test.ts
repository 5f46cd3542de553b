import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { dpkgTree } from '../modules/dpkg-tree.ts'
import { vendHere, type HereOutcome } from './vend-here.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vend-modules-cli-'))
  dpkgTree(join(directory, 'tree'), {
    libc: { files: ['lib/libc'] },
    nginx: { fields: { Depends: 'libc' }, files: ['bin/nginx'] },
  }).file('etc/made', 'x')
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

async function modules(definition: string, command: string, ...more: string[]): Promise<HereOutcome> {
  const file = join(directory, 'modules.yaml')
  writeFileSync(file, definition)
  return vendHere(['modules', command, join(directory, 'tree'), ...more, '--definition', file])
}

const good =
  'hide-packages: true\nunowned: base\nmodules:\n  base: {packages: [libc]}\n  web: {packages: [nginx], includes: [base], hooks: [{name: x, run: [/bin/nginx]}]}\n'

test('modules plan shows what each module is', async () => {
  const { code, stdout } = await modules(good, 'plan')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^2 modules, 2 packages, 10 entries, 39 B\n/)
  expect(stdout).toMatch(/^web +1 +0 +3 +20 B +base$/m)
  const json = JSON.parse((await modules(good, 'plan', '--json')).stdout) as Record<string, unknown>
  expect(json).toMatchObject({
    packages: 'dpkg',
    unowned: 1,
    modules: {
      web: { packages: ['nginx'], includes: ['base'], hooks: [{ name: 'x', run: ['/bin/nginx'] }] },
    },
  })
})

test('modules why shows the way, and what it does not know', async () => {
  const { code, stdout } = await modules(good, 'why', 'libc', '/etc/made', '/bin')
  expect(code).toBe(0)
  expect(stdout).toContain('libc: base\n  base: libc\n  web need it too, and include base\n')
  expect(stdout).toContain('/etc/made: base\n  no package and no module has it, and "unowned" says base\n')
  expect(stdout).toContain('/bin: web\n  a directory in web\n')
  const unknown = await modules(good, 'why', 'libz')
  expect(unknown).toMatchObject({ code: 5 })
  expect(unknown.stderr).toContain('the tree has no package libz; did you mean libc?')
})

test('modules unowned and check say what is wrong, and end so', async () => {
  const bad = good.replace('unowned: base\n', '')
  expect((await modules(bad, 'unowned')).stdout).toBe("1 path of nobody's\n/etc/made\n")
  const check = await modules(bad, 'check')
  expect(check.code).toBe(8)
  expect(check.stdout).toMatch(
    /^1 problem:\n.*no package and no module has \/etc\/made; write "unowned: MODULE"/,
  )
  expect(await modules(good, 'check')).toMatchObject({ code: 0, stdout: 'Nothing is wrong.\n' })
  const broken = await modules('modules: {a: {pakages: []}}', 'check', '--json')
  expect(broken.code).toBe(8)
  expect(JSON.parse(broken.stdout)).toMatchObject({ problems: [{ kind: 'definition' }] })
})

test('publish --modules publishes them with their traits, and refuses what the file says itself', async () => {
  const file = join(directory, 'modules.yaml')
  writeFileSync(file, good)
  const env = { VEND_STORE: `file:${directory}/repository`, VEND_KEYS: `${directory}/keys` }
  expect(await vendHere(['init'], env)).toMatchObject({ code: 0 })
  const publish = ['publish', join(directory, 'tree'), '--modules', file, '--release', '1']
  const refused = await vendHere([...publish, '--module', 'x', '--include', 'x=y'], env)
  expect(refused).toMatchObject({ code: 2 })
  expect(refused.stderr).toContain('--modules: the file names the modules')
  expect(await vendHere(publish, env)).toMatchObject({ code: 0 })
  const shown = await vendHere(['show', '1', '--json'], env)
  expect(JSON.parse(shown.stdout)).toMatchObject({
    release: {
      modules: {
        base: { includes: [] },
        web: { includes: ['base'], hooks: [{ name: 'x', run: ['/bin/nginx'] }] },
      },
    },
  })
  const listed = await vendHere(['ls', '1:web', '-R'], env)
  expect(listed.stdout).toContain('bin/nginx')
  expect(listed.stdout).not.toContain('lib/libc')
})
