import { expect, test } from 'vitest'
import { treePathFromText } from '../../../manifests/tree-path.ts'
import { PathSelection } from '../../../src/modules/path-selection.ts'

function selects(globs: string[], path: string): boolean {
  return new PathSelection(globs).has(treePathFromText(path))
}

test.each([
  ['/etc/*.conf', 'etc/a.conf', true],
  ['/etc/*.conf', 'etc/d/a.conf', false],
  ['/etc/**/*.conf', 'etc/d/e/a.conf', true],
  ['/etc/**/*.conf', 'etc/a.conf', true],
  ['/opt/tool', 'opt/tool/bin/x', true],
  ['/opt/tool/', 'opt/tool/bin/x', true],
  ['/opt/tool', 'opt/tools', false],
  ['/opt/**', 'opt', false],
  ['/opt/**', 'opt/a/b', true],
  ['/usr/lib/lib[a-c]?.so', 'usr/lib/libbü.so', true],
  ['/usr/lib/lib[!a-c].so', 'usr/lib/libb.so', false],
  ['/usr/lib/lib[!a-c].so', 'usr/lib/libd.so', true],
  ['/a/{b,c*}/d', 'a/cc/d', true],
  ['/a/{b,c*}/d', 'a/x/d', false],
  ['/a\\*', 'a*', true],
  ['/a\\*', 'ab', false],
  ['/a.b+(c)', 'a.b+(c)', true],
  ['/a.b', 'axb', false],
  ['/tmp/[', 'tmp/[', true],
])('%s and %s: %s', (glob, path, expected) => {
  expect(selects([glob], path)).toBe(expected)
})

test('the last glob that matches decides, also about what lies below', () => {
  const globs = ['/opt/**', '!/opt/doc', '/opt/doc/licence']
  expect(selects(globs, 'opt/bin/x')).toBe(true)
  expect(selects(globs, 'opt/doc/manual')).toBe(false)
  expect(selects(globs, 'opt/doc/licence')).toBe(true)
})

test('globs that nothing matched are known', () => {
  const selection = new PathSelection(['/a', '/b', '!/c'])
  selection.has(treePathFromText('a/x'))
  expect(selection.unmatched()).toEqual([1, 2])
})
