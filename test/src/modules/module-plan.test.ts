import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { explain } from '../../../src/modules/explain.ts'
import { planModules, sourcesOf, type ModulePlan } from '../../../src/modules/module-plan.ts'
import { readDefinition } from '../../../src/modules/read-definition.ts'
import { surveyTree } from '../../../src/modules/tree-survey.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'
import type { TreeRecipe } from '../../support/tree-recipe.ts'
import { dpkgTree, type PackageRecipe } from './dpkg-tree.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vend-plan-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function plan(
  packages: Readonly<Record<string, PackageRecipe>>,
  definition: string,
  more: (tree: TreeRecipe) => unknown = () => undefined,
): ModulePlan {
  more(dpkgTree(join(directory, 'tree'), packages))
  const survey = surveyTree(new DirectoryTree(join(directory, 'tree')))
  return planModules(readDefinition(`hide-packages: true\n${definition}`, 'modules.yaml'), survey)
}

function messages({ problems }: ModulePlan): string[] {
  return problems.map(({ message }) => message)
}

function homes({ packages }: ModulePlan): Record<string, string> {
  return Object.fromEntries(packages.homes)
}

function moduleOf({ files }: ModulePlan, path: string): string | undefined {
  return files.files.get(path as never)?.module
}

const three =
  'modules:\n  base: {packages: [libc]}\n  web: {packages: [nginx], includes: [base]}\n  ssh: {packages: [sshd], includes: [base]}\n'

test('a module has what its packages depend on, less what its includes bring', () => {
  const made = plan(
    {
      libc: { files: ['lib/libc'] },
      ssl: { fields: { Depends: 'libc' }, files: ['lib/ssl'] },
      nginx: { fields: { 'Pre-Depends': 'libc (>= 1)', Depends: 'ssl' }, files: ['bin/nginx'] },
      sshd: { fields: { Depends: 'libc' }, files: ['bin/sshd'] },
    },
    three,
  )
  expect(messages(made)).toEqual([])
  expect(homes(made)).toEqual({ libc: 'base', ssl: 'web', nginx: 'web', sshd: 'ssh' })
  expect(moduleOf(made, 'lib/ssl')).toBe('web')
  expect([...(made.files.directories.get('bin' as never) ?? [])].sort()).toEqual(['ssh', 'web'])
})

const shared: Readonly<Record<string, PackageRecipe>> = {
  libc: {},
  ssl: { fields: { Depends: 'zlib' }, files: ['lib/ssl'] },
  zlib: {},
  nginx: { fields: { Depends: 'ssl' } },
  sshd: { fields: { Depends: 'ssl' } },
}

test('what several modules need goes down to the one that all of them include', () => {
  const made = plan(shared, three)
  expect(messages(made)).toEqual([])
  expect(homes(made)).toMatchObject({ ssl: 'base', zlib: 'base' })
  expect(made.modules[0]).toMatchObject({ lowered: ['ssl', 'zlib'] })
  expect(explain('zlib', made).steps).toEqual([
    'web: nginx → ssl → zlib',
    'ssh: sshd → ssl → zlib',
    'web and ssh need it, so it is in base, which all of these have',
  ])
})

test('with "shared: error", or without a module in common, that is a problem with a way out', () => {
  expect(messages(plan(shared, `shared: error\n${three}`))).toEqual([
    'modules.yaml: the modules web and ssh need ssl, zlib, and none of them includes the other; list them in base, or write "shared: lower" to have them put there',
  ])
  const apart = 'unlisted: leave-out\nmodules:\n  web: {packages: [nginx]}\n  ssh: {packages: [sshd]}\n'
  expect(messages(plan(shared, apart))).toEqual([
    'modules.yaml: the modules web and ssh need ssl, zlib, and none of them includes the other; make a module that has them, and include it in each of these',
  ])
})

test('an essential module is in reach of all others without being included', () => {
  const definition =
    'modules:\n  base: {essential: true, packages: [libc]}\n  web: {packages: [nginx]}\n  ssh: {packages: [sshd]}\n'
  expect(homes(plan(shared, definition))).toMatchObject({ ssl: 'base' })
})

test('essential packages are of the essential modules', () => {
  const packages = { sh: { fields: { Essential: 'yes' } }, nginx: {} }
  expect(homes(plan(packages, 'modules:\n  base: {essential: true}\n  web: {packages: [nginx]}\n'))).toEqual({
    sh: 'base',
    nginx: 'web',
  })
})

test('alternatives: the first that is installed, by name before by what is provided, and with its version', () => {
  const made = plan(
    {
      app: { fields: { Depends: 'none | mta, awk (>= 2), db (>= 3) | olddb' } },
      postfix: { fields: { Provides: 'mta' } },
      exim: { fields: { Provides: 'mta' } },
      gawk: { fields: { Provides: 'awk (= 2.1)' } },
      mawk: { fields: { Provides: 'awk' } },
      db: { version: '2:1' },
      olddb: {},
    },
    'unlisted: leave-out\nmodules:\n  a: {packages: [app]}\n',
  )
  expect(Object.keys(homes(made)).sort()).toEqual(['app', 'db', 'exim', 'gawk'])
})

test('a dependency is of the same architecture, unless the package is for all', () => {
  const made = plan(
    {
      'app:i386': { fields: { Depends: 'lib, tool, perl:any' } },
      'lib:amd64': {},
      'lib:i386': {},
      'tool:amd64': { fields: { 'Multi-Arch': 'foreign' } },
      'perl:amd64': { fields: { 'Multi-Arch': 'allowed' } },
    },
    'unlisted: leave-out\nmodules:\n  a: {packages: [app]}\n',
  )
  expect(messages(made)).toEqual([])
  expect(Object.keys(homes(made)).sort()).toEqual(['app', 'lib:i386', 'perl', 'tool'])
})

test('every kind of problem is reported in one go', () => {
  const made = plan(
    {
      app: { fields: { Depends: 'gone (>= 2)', Conflicts: 'rival' }, files: ['bin/app'] },
      rival: {},
      rest: { fields: { Depends: 'below' } },
      below: {},
    },
    'modules:\n  a: {packages: [app, rival, ap], paths: [/opt/none, /srv/x], hooks: [ldconfig, lddconfig]}\n  b: {paths: [/srv]}\n',
    (tree) => tree.file('etc/made', 'x').file('srv/x', 'x'),
  )
  expect(made.problems.map(({ kind }) => kind).sort()).toEqual([
    'dependency-missing',
    'file-shared',
    'file-unowned',
    'glob-unmatched',
    'hook-missing',
    'hook-missing',
    'package-conflict',
    'package-missing',
    'package-unlisted',
  ])
  expect(messages(made).join('\n')).toContain('the tree has no package ap; did you mean app?')
  expect(messages(made).join('\n')).toContain('rest, and 1 more that only these need')
  expect(() => sourcesOf(made, new DirectoryTree(join(directory, 'tree')))).toThrow('9 things are wrong')
})

test('includes that go in a circle are shown', () => {
  const circle = 'modules:\n  a: {includes: [b]}\n  b: {includes: [c]}\n  c: {includes: [a]}\n'
  expect(() => plan({}, circle)).toThrow(
    'modules.yaml:5: the includes go in a circle: a → b → c → a; take one of them out',
  )
})

test('excluded packages and paths are not of the module', () => {
  const made = plan(
    { app: { fields: { Depends: 'docs, nowhere' }, files: ['bin/app', 'man/app'] }, docs: {} },
    'unlisted: leave-out\nmodules:\n  a: {packages: [app], exclude: [docs, nowhere, /man]}\n',
  )
  expect(messages(made)).toEqual([])
  expect(homes(made)).toEqual({ app: 'a' })
  expect(made.files.files.get('man/app' as never)).toMatchObject({
    module: undefined,
    reason: { kind: 'excluded', glob: '/man' },
  })
  expect(made.files.directories.has('man' as never)).toBe(false)
})

test('a link outlives what is excluded, and compiled Python does not', () => {
  const made = plan(
    { app: { files: ['bin/app', 'man/app', 'lib/a.py'] }, gone: { files: ['bin/gone'] } },
    'unowned: rest\nunlisted: leave-out\nexclude: [/dev/*, /man/**, /lib/*.py]\nmodules:\n  a: {packages: [app]}\n  rest:\n',
    (tree) =>
      tree
        .file('dev/null', 'x')
        .link('etc/masked', '/dev/null')
        .link('etc/manual', '../man/app')
        .link('etc/further', 'manual')
        .link('etc/gone', '../bin/gone')
        .file('lib/__pycache__/a.pyc', 'x')
        .file('lib/__pycache__/a.cpython-311.pyc', 'x'),
  )
  expect(moduleOf(made, 'etc/masked')).toBe('rest')
  expect(moduleOf(made, 'etc/manual')).toBe('a')
  expect(moduleOf(made, 'etc/further')).toBe('a')
  expect(moduleOf(made, 'etc/gone')).toBeUndefined()
  expect(moduleOf(made, 'lib/__pycache__/a.cpython-311.pyc')).toBeUndefined()
})

test('files are found behind merged directories, diversions, alternatives, ucf and __pycache__', () => {
  const made = plan(
    {
      dash: { files: ['usr/bin/dash', 'usr/lib/py/a.py'] },
      bash: {},
      less: { files: ['usr/bin/less'] },
    },
    'modules:\n  base: {packages: [dash, bash]}\n  tools: {packages: [less], includes: [base]}\n',
    (tree) =>
      tree
        .file('usr/bin/bash', 'x')
        .link('bin', 'usr/bin')
        .file('var/lib/dpkg/info/bash.list', '/.\n/bin\n/bin/bash\n/bin/pager\n')
        .file('var/lib/dpkg/diversions', '/bin/pager\n/bin/pager.distrib\nless\n')
        .file('usr/bin/pager.distrib', 'x')
        .link('usr/bin/pager', '/etc/alternatives/pager')
        .link('etc/alternatives/pager', '/bin/less')
        .link('etc/loop', 'loop2')
        .link('etc/loop2', 'loop')
        .file('etc/sshd_config', 'x')
        .file('var/lib/ucf/registry', 'less \t /etc/sshd_config\n')
        .file('usr/lib/py/__pycache__/a.cpython-311.opt-1.pyc', 'x'),
  )
  expect(moduleOf(made, 'usr/bin/bash')).toBe('base')
  expect(moduleOf(made, 'bin')).toBe('base')
  expect(moduleOf(made, 'usr/bin/pager.distrib')).toBe('base')
  expect(moduleOf(made, 'usr/bin/pager')).toBe('tools')
  expect(moduleOf(made, 'etc/alternatives/pager')).toBe('tools')
  expect(moduleOf(made, 'etc/sshd_config')).toBe('tools')
  expect(moduleOf(made, 'usr/lib/py/__pycache__/a.cpython-311.opt-1.pyc')).toBe('base')
  expect(made.files.unowned.map(({ path }) => path)).toEqual(['etc/loop', 'etc/loop2'])
  expect(explain('/usr/bin/pager', made).steps).toEqual([
    'is a link to /etc/alternatives/pager, and goes with it',
    'is a link to /usr/bin/less, and goes with it',
    'is of less',
    'tools: less',
  ])
})

test('a hard link into another module is a file there, and further ones are links to it', () => {
  const made = plan(
    { a: { files: ['bin/a'] }, b: {} },
    'modules:\n  one: {packages: [a]}\n  two: {packages: [b], paths: ["/lib/**"]}\n',
    (tree) => tree.hardlink('lib/b', 'bin/a').hardlink('lib/c', 'bin/a'),
  )
  expect(messages(made)).toEqual([])
  expect(made.notes).toEqual([
    '2 hard links lead from one module to another: each module gets a file of its own',
  ])
  const two = sourcesOf(made, new DirectoryTree(join(directory, 'tree')))[1]
  const seen: string[] = []
  for (const { entry, open, assertUnchanged } of two?.tree.walk() ?? []) {
    if (open === undefined)
      seen.push(entry.type === 'hardlink' ? `${entry.path} is ${entry.target}` : `${entry.path}/`)
    else {
      const fd = open()
      seen.push(`${entry.path}: ${readFileSync(fd, 'utf8')}`)
      assertUnchanged(fd)
      closeSync(fd)
    }
  }
  expect(seen).toEqual(['/', 'lib/', 'lib/b: a has bin/a\n', 'lib/c is lib/b'])
})

test('a file that came after the plan stops the walk', () => {
  const made = plan({ a: { files: ['bin/a'] } }, 'modules:\n  one: {packages: [a]}\n')
  const [one] = sourcesOf(made, new DirectoryTree(join(directory, 'tree')))
  execFileSync('touch', [join(directory, 'tree/bin/late')])
  expect(() => [...(one?.tree.walk() ?? [])]).toThrow('was not there when the modules were laid out')
})

test('the same tree and definition give the same plan', () => {
  const first = plan(shared, three)
  const again = planModules(first.definitions, first.survey)
  expect(again.modules).toEqual(first.modules)
  expect([...again.files.files]).toEqual([...first.files.files])
})

test('a chain of links without an end in sight does no harm', () => {
  const made = plan(
    { app: { files: ['bin/app'] } },
    'unowned: rest\nmodules:\n  a: {packages: [app]}\n  rest:\n',
    (tree) => {
      for (let i = 0; i < 200; i++)
        tree.link(`chain/${String(i).padStart(5, '0')}`, String(i + 1).padStart(5, '0'))
      tree.link('chain/00200', '../bin/app').link('dir', 'dir/dir/x').link('up', '../../../../bin/app')
    },
  )
  expect(moduleOf(made, 'chain/00200')).toBe('a')
  expect(moduleOf(made, 'chain/00000')).toBe('rest')
  expect(moduleOf(made, 'dir')).toBe('rest')
  expect(moduleOf(made, 'up')).toBe('a')
})
