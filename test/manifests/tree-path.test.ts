import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  displayTreePath,
  joinTreePath,
  nameOf,
  parentOf,
  parseTreePath,
  rootPath,
  textOf,
  treePathFromText,
} from '../../manifests/tree-path.ts'
import { fileNames, treePaths } from '../support/format-arbitraries.ts'

test('a path is its directory and its name', () => {
  fc.assert(
    fc.property(treePaths, fileNames, (directory, name) => {
      const path = joinTreePath(directory, name)
      expect(parentOf(path)).toBe(directory)
      expect(nameOf(path)).toBe(name)
    }),
  )
  expect([parentOf(rootPath), nameOf(rootPath)]).toEqual(['', ''])
  expect([parentOf(treePathFromText('etc')), nameOf(treePathFromText('etc'))]).toEqual(['', 'etc'])
})

test('no accepted path leaves the tree', () => {
  const parts = fc.constantFrom('.', '..', '/', '//', 'a', '\0', '\xff', '../', './')
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 6 }), (some) => {
      const path = some.join('')
      try {
        parseTreePath(path)
      } catch {
        return
      }
      const names = path === '' ? [] : path.split('/')
      expect(names.filter((name) => ['', '.', '..'].includes(name) || name.includes('\0'))).toEqual([])
    }),
  )
})

test('characters that are no bytes are refused', () => {
  expect(() => parseTreePath('Größ\u0113')).toThrow(/not a byte/)
})

test.each([
  ['Gr\xc3\xb6\xc3\x9fe', 'Größe'],
  ['gr\xfcn', 'gr\\xfcn'],
  ['a\nb\x7f', 'a\\x0ab\\x7f'],
  ['\xc2\x9b', '\\x9b'],
])('%j is shown as %j', (path, shown) => {
  expect(displayTreePath(path)).toBe(shown)
})

test('text is text, a byte order mark included', () => {
  expect(textOf('\xef\xbb\xbfa')).toBe('\ufeffa')
  expect(textOf('\xed\xa0\x80')).toBeUndefined()
})

test('an unreadably long path is cut in its message', () => {
  expect(() => parseTreePath('x'.repeat(5000))).toThrow(
    /^path: "x{300}…" is 5000 bytes long; the limit is 4095$/,
  )
})
