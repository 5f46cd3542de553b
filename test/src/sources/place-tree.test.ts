import { closeSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { treePathFromText } from '../../../manifests/tree-path.ts'
import { JoinedTrees } from '../../../src/sources/joined-trees.ts'
import { placeBelow } from '../../../src/sources/place-tree.ts'
import { PrefixedTree } from '../../../src/sources/prefixed-tree.ts'
import { DirectoryTree, type TreeSource } from '../../../src/tree/tree-source.ts'
import { scratchDirectory } from '../tree/scratch-directory.ts'

function pathsOf(tree: TreeSource): string[] {
  return Array.from(tree.walk(), ({ entry }) => entry.path)
}

describe('PrefixedTree', () => {
  it('has its tree below a directory, with hard links and contents', () => {
    const scratch = scratchDirectory()
    scratch.shell('mkdir -p it/d; echo hi > it/a; ln it/a it/d/b; chmod 700 it; touch -d @5 it')
    const tree = new PrefixedTree(new DirectoryTree(scratch.in('it')), treePathFromText('usr/lib/app'))
    const walked = [...tree.walk()]
    expect(walked.map(({ entry }) => entry.path)).toEqual([
      '',
      'usr',
      'usr/lib',
      'usr/lib/app',
      'usr/lib/app/a',
      'usr/lib/app/d',
      'usr/lib/app/d/b',
    ])
    expect(walked[2]?.entry).toMatchObject({ mode: 0o755, uid: 0, mtime: { seconds: 0 } })
    expect(walked[3]?.entry).toMatchObject({ mode: 0o700, mtime: { seconds: 5 } })
    expect(walked[6]?.entry).toEqual({ type: 'hardlink', path: 'usr/lib/app/d/b', target: 'usr/lib/app/a' })
    const file = [...tree.walk()].find(({ open }) => open !== undefined)
    expect(file?.entry.path).toBe('usr/lib/app/a')
  })

  it('is the tree itself below the root', () => {
    const scratch = scratchDirectory()
    scratch.shell('mkdir it; touch it/a')
    expect(pathsOf(new PrefixedTree(new DirectoryTree(scratch.in('it')), treePathFromText('')))).toEqual([
      '',
      'a',
    ])
  })
})

describe('JoinedTrees', () => {
  it('has the paths of both in order, each once', () => {
    const scratch = scratchDirectory()
    scratch.shell('mkdir -p one/d two/d/e; touch one/d/b one/z two/d/a two/d.x two/zz')
    const [one, two] = ['one', 'two'].map((name) => new DirectoryTree(scratch.in(name)))
    if (one === undefined || two === undefined) return
    const expected = ['', 'd', 'd.x', 'd/a', 'd/b', 'd/e', 'z', 'zz']
    expect(pathsOf(new JoinedTrees(one, two))).toEqual(expected)
    expect(pathsOf(new JoinedTrees(two, one))).toEqual(expected)
  })
})

describe('placeBelow', () => {
  it("lays the configuration of a container's image beside its directory", async () => {
    const scratch = scratchDirectory()
    scratch.shell('mkdir it; touch it/a')
    const source = {
      tree: new DirectoryTree(scratch.in('it')),
      image: { config: Buffer.from('{"a":1}') },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
    await using placed = await placeBelow(source, treePathFromText('opt/app'))
    const walked = [...placed.tree.walk()]
    expect(walked.map(({ entry }) => entry.path)).toEqual([
      '',
      'opt',
      'opt/app',
      'opt/app.oci-config.json',
      'opt/app/a',
    ])
    const fd = walked[3]?.open?.() ?? -1
    expect(readFileSync(fd, 'utf8')).toBe('{"a":1}')
    closeSync(fd)
  })
})
