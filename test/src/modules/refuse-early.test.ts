import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { planModules, type ModulePlan } from '../../../src/modules/module-plan.ts'
import { readDefinition } from '../../../src/modules/read-definition.ts'
import { surveyTree } from '../../../src/modules/tree-survey.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'
import { problemsOf } from './definition-problems.ts'
import { dpkgTree } from './dpkg-tree.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vend-refuse-early-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function plan(definition: string): ModulePlan {
  return planModules(readDefinition(definition, 'modules.yaml'), surveyTree(new DirectoryTree(directory)))
}

test('what is lowered is not put into a module that excludes it', () => {
  dpkgTree(directory, {
    libc: { files: ['lib/libc'] },
    perl: { files: ['bin/perl'] },
    db: { fields: { Depends: 'perl' }, files: ['bin/db'] },
    web: { fields: { Depends: 'perl' }, files: ['bin/web'] },
  })
  const modules =
    'hide-packages: true\nmodules:\n  base: {essential: true, packages: [libc], exclude: [perl]}\n' +
    '  web: {packages: [web]}\n  db: {packages: [db]}\n'
  const { problems, packages } = plan(modules)
  expect(problems.map(({ kind, subject, message }) => ({ kind, subject, message }))).toEqual([
    {
      kind: 'package-shared',
      subject: 'perl',
      message: expect.stringMatching(
        /^modules\.yaml: the modules web and db need perl, which would be in base, and base excludes it; /,
      ) as string,
    },
  ])
  expect(packages.homes.get('perl')).toBeUndefined()
  const common = '  script: {packages: [perl]}\n'
  const split = modules
    .replace('[web]}', '[web], includes: [script]}')
    .replace('[db]}', '[db], includes: [script]}')
  expect(plan(split + common).packages.homes.get('perl')).toBe('script')
})

test('a range that ends before it begins is said with its line', () => {
  expect(problemsOf('exclude: [/a]\nmodules:\n  base:\n    paths: ["!/usr/[z-a]"]\n')).toEqual([
    expect.stringMatching(/^modules\.yaml:4: modules\.base\.paths\.0: "!\/usr\/\[z-a\]" has a range/),
  ])
  expect(problemsOf('modules:\n  base: {exclude: ["/[b-a]", "/[a-b-]"]}\n')).toHaveLength(1)
})

test('more hooks, or words of one, than a release may have are said when the tree is split', () => {
  const tree = dpkgTree(directory, {}).file('usr/sbin/depmod', '')
  for (let i = 1; i <= 65; i++) tree.dir(`usr/lib/modules/6.${i}`)
  const { problems } = plan('unowned: base\nmodules:\n  base:\n    hooks: [depmod]\n')
  expect(problems.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^modules\.yaml:4: modules\.base\.hooks: come to 65 programs, .* 64 at most; /),
  ])
  const words = Array.from({ length: 65 }, () => '/x').join(', ')
  expect(problemsOf(`modules:\n  base:\n    hooks: [{name: a, run: [${words}]}]\n`)).toEqual([
    expect.stringMatching(/^modules\.yaml:3: modules\.base\.hooks\.0\.run: has more than 64 words$/),
  ])
})
