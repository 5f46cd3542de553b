import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findProgram } from '../../../../src/client/hooks/find-program.ts'
import { TreeRecipe } from '../../../support/tree-recipe.ts'

const root = mkdtempSync(join(tmpdir(), 'vend-find-program-'))
new TreeRecipe(root)
  .file('usr/bin/tool', 'x')
  .link('bin', 'usr/bin')
  .link('sbin', '/usr/bin')
  .link('usr/bin/alias', '/bin/tool')
  .link('up', '../../../../usr/bin')
  .link('loop', 'loop')
  .link('out', '/etc')
  .file('etc/inside', 'x')

test.each([
  ['/usr/bin/tool', 'usr/bin/tool'],
  ['/bin/tool', 'usr/bin/tool'],
  ['/sbin//./alias', 'usr/bin/tool'],
  ['/up/tool', 'usr/bin/tool'],
  ['/../../usr/../bin/tool', 'usr/bin/tool'],
  ['/out/inside', 'etc/inside'],
])('%s is found as a program in the root would', (program, path) => {
  expect(findProgram(root, program)).toBe(join(root, path))
})

test.each(['/usr/bin/none', '/loop', '/usr/bin/tool/x', '/out/passwd', '/etc/hostname'])(
  '%s is not there, whatever this machine has',
  (program) => {
    expect(findProgram(root, program)).toBeUndefined()
  },
)
