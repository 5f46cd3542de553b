import { expect, test } from 'vitest'
import { readDefinition } from '../../../src/modules/read-definition.ts'
import { problemsOf } from './definition-problems.ts'

test('a definition is read with its defaults', () => {
  const text =
    'unowned: base\nmodules:\n  base: {essential: true}\n  web: {packages: [nginx], includes: [base, base], exclude: [perl, /etc/x]}\n'
  const { modules, hidePackages, unowned, unlisted, mayShare } = readDefinition(text, 'modules.yaml')
  expect([hidePackages, unowned, unlisted, mayShare]).toEqual([false, 'base', undefined, true])
  expect(modules.get('web')).toMatchObject({
    packages: ['nginx'],
    includes: ['base'],
    excludedPackages: ['perl'],
    excludedPaths: ['/etc/x'],
    isEssential: false,
  })
})

test('a module without anything is a module', () => {
  expect(readDefinition('modules:\n  base:\n', 'f').modules.get('base')?.packages).toEqual([])
})

test('everything that is wrong is said at once, with its line and field', () => {
  const text = `hide-package: true
modules:
  base:
    pakages: [bash]
    paths: [usr/lib]
    includes: base
  Web:
    packages: [bash]
`
  expect(problemsOf(text).sort()).toEqual([
    'modules.yaml:1: hide-package: there is no such key; did you mean hide-packages?',
    'modules.yaml:4: modules.base.pakages: there is no such key; did you mean packages?',
    'modules.yaml:5: modules.base.paths.0: "usr/lib" is not a path: write it from the root, as in /usr/lib/*.so',
    'modules.yaml:6: modules.base.includes: "base" is of another kind; it must be a list, as in [one, two]',
    expect.stringMatching(/^modules\.yaml:7: modules\.Web: "Web" is not a name/),
  ])
})

test.each([
  ['modules: [', /^modules\.yaml:\d+: is not YAML/],
  ['modules: {}\n', /^modules\.yaml:1: modules: has no modules$/],
  ['', /^modules\.yaml:1: the file: is .* it must be a set of keys$/],
  [
    'modules:\n  a: {includes: [bb]}\n  bbb:\n',
    /^modules\.yaml:2: modules\.a\.includes: there is no module "bb"; did you mean bbb\?$/,
  ],
  [
    'unowned: bas\nmodules:\n  base:\n',
    /^modules\.yaml:1: unowned: there is no module "bas"; did you mean base\?$/,
  ],
  [
    'modules:\n  a: {hooks: [{name: x, run: [ls]}]}\n',
    /^modules\.yaml:2: modules\.a\.hooks\.0\.run\.0: "ls" is not an absolute path$/,
  ],
  ['modules:\n  a: {exclude: ["!/x"]}\n', /^modules\.yaml:2: modules\.a\.exclude\.0/],
])('%j is refused', (text, message) => {
  expect(problemsOf(text)).toEqual([expect.stringMatching(message)])
})
