import { existsSync, readFileSync, statSync } from 'node:fs'
import { expect, test } from 'vitest'
import { rootPath, treePathFromText as path } from '../../../manifests/tree-path.ts'
import { TreePathBlockedError, TreeWriteError } from '../../../src/tree/errors.ts'
import { TreeWriter } from '../../../src/tree/tree-writer.ts'
import { scratchDirectory } from './scratch-directory.ts'

test.each([
  ['nothing', ''],
  ['a file', 'echo old > tree/to'],
  ['a symlink, which is not followed', 'ln -s ../outside/file tree/to'],
  ['a directory with all that is in it', 'mkdir -p tree/to/deep; echo old > tree/to/deep/file'],
])('replaces %s', (_, script) => {
  const directory = scratchDirectory()
  directory.shell(`mkdir -p tree/sub outside; echo safe > outside/file; echo new > tree/sub/from\n${script}`)
  const { ino } = statSync(directory.in('tree/sub/from'))
  using writer = new TreeWriter(directory.in('tree'))
  writer.replace(path('sub/from'), path('to'))
  expect(statSync(directory.in('tree/to')).ino).toBe(ino)
  expect(readFileSync(directory.in('tree/to'), 'utf8')).toBe('new\n')
  expect(existsSync(directory.in('tree/sub/from'))).toBe(false)
  expect(readFileSync(directory.in('outside/file'), 'utf8')).toBe('safe\n')
})

test('moves nothing into or out of what a symlink leads to, and not to the root', () => {
  const directory = scratchDirectory()
  directory.shell(
    'mkdir -p tree outside; echo safe > outside/file; echo new > tree/from; ln -s ../outside tree/link',
  )
  using writer = new TreeWriter(directory.in('tree'))
  expect(() => writer.replace(path('from'), path('link/file'))).toThrow(TreePathBlockedError)
  expect(() => writer.replace(path('link/file'), path('to'))).toThrow(TreePathBlockedError)
  expect(() => writer.replace(path('from'), rootPath)).toThrow(TreeWriteError)
  expect(readFileSync(directory.in('outside/file'), 'utf8')).toBe('safe\n')
  expect(readFileSync(directory.in('tree/from'), 'utf8')).toBe('new\n')
})
