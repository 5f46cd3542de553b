import { closeSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isPackageName } from '../../../src/sources/package-name.ts'
import { openPacmanPackages, packagesIn } from '../../../src/sources/pacman-packages.ts'
import { scratchDirectory } from '../tree/scratch-directory.ts'
import { makePackage, type PackageRecipe } from '../../corpus/package-maker.ts'

const directory = (path: string, mode = 0o755) => ({ path: `${path}/`, type: '5', mode })
const program = { path: 'usr/bin/tool', content: 'tool', mode: 0o755, mtime: 7 }
const tool: PackageRecipe = { name: 'tool', members: [directory('usr'), directory('usr/bin'), program] }
const other: PackageRecipe = {
  name: 'other',
  members: [
    directory('usr'),
    { path: 'usr/two words', content: 'x' },
    { path: 'usr/link', type: '2', link: 'bin/tool' },
  ],
}

async function openAll(
  recipes: readonly PackageRecipe[],
  withDatabase = false,
): ReturnType<typeof openPacmanPackages> {
  const scratch = scratchDirectory()
  return openPacmanPackages(
    recipes.map((recipe) => makePackage(scratch, recipe)),
    { withDatabase, name: 'set' },
  )
}

async function contentsOf(
  recipes: readonly PackageRecipe[],
  withDatabase = false,
): Promise<Record<string, string>> {
  await using opened = await openAll(recipes, withDatabase)
  const contents: Record<string, string> = {}
  for (const { entry, open } of opened.tree.walk()) {
    if (open === undefined) continue
    const fd = open()
    contents[entry.path] = readFileSync(fd, 'latin1')
    closeSync(fd)
  }
  return contents
}

describe('openPacmanPackages', () => {
  it('makes one tree of what is in the packages, and leaves out what is about them', async () => {
    await using opened = await openAll([tool, other])
    const entries = Array.from(opened.tree.walk(), ({ entry }) => entry)
    expect(entries.map(({ path }) => path)).toEqual([
      '',
      'usr',
      'usr/bin',
      'usr/bin/tool',
      'usr/link',
      'usr/two words',
    ])
    expect(entries[3]).toMatchObject({
      type: 'file',
      mode: 0o755,
      uid: 0,
      mtime: { seconds: 7, nanos: 0 },
      size: 4,
    })
    expect(opened.packages.map(({ name, version }) => `${name} ${version}`)).toEqual([
      'other 1.0-1',
      'tool 1.0-1',
    ])
    expect(opened.notes).toEqual([])
  })

  it('says which install scriptlets were not run', async () => {
    await using opened = await openAll([{ ...tool, install: 'post_install() { :; }' }])
    expect(opened.notes).toEqual([expect.stringContaining('install scriptlets of tool were not run')])
  })

  it('says in which packages directories differ', async () => {
    const strict: PackageRecipe = {
      name: 'strict',
      members: [directory('usr', 0o700), { path: 'usr/s', content: '' }],
    }
    await using opened = await openAll([tool, strict])
    const usr = Array.from(opened.tree.walk(), ({ entry }) => entry)[1]
    expect(usr).toMatchObject({ path: 'usr', mode: 0o700 })
    expect(opened.notes).toEqual([expect.stringMatching(/^usr: .*tool.* and .*strict.* differ in its mode/)])
  })

  it('makes the database that pacman would have', async () => {
    const info = [
      'depend = glibc',
      'depend = sh>=5',
      'backup = etc/tool.conf',
      'license = GPL',
      'provides = t=1',
    ]
    const config = { path: 'etc/tool.conf', content: 'a=b' }
    const recipe = {
      ...tool,
      info,
      members: [...(tool.members ?? []), directory('etc'), config],
      install: 'x() { :; }',
    }
    const contents = await contentsOf([recipe], true)
    const at = 'var/lib/pacman/local'
    expect(contents[`${at}/ALPM_DB_VERSION`]).toBe('9\n')
    expect(contents[`${at}/tool-1.0-1/desc`]).toBe(
      '%NAME%\ntool\n\n%VERSION%\n1.0-1\n\n%BASE%\ntool\n\n%BUILDDATE%\n1700000000\n\n%INSTALLDATE%\n1700000000\n\n' +
        '%LICENSE%\nGPL\n\n%DEPENDS%\nglibc\nsh>=5\n\n%PROVIDES%\nt=1\n\n',
    )
    expect(contents[`${at}/tool-1.0-1/files`]).toBe(
      '%FILES%\netc/\netc/tool.conf\nusr/\nusr/bin/\nusr/bin/tool\n\n' +
        '%BACKUP%\netc/tool.conf\t7acaac15494e6820b1ed6d8b539af089\n\n',
    )
    expect(contents[`${at}/tool-1.0-1/install`]).toBe('x() { :; }')
    expect(contents[`${at}/tool-1.0-1/mtree`]?.slice(0, 2)).toBe('\x1f\x8b')
  })

  it.each<[string, PackageRecipe[], string, string]>([
    ['no .PKGINFO', [{ ...tool, withoutInfo: true }], 'SOURCE_DAMAGED', 'has no .PKGINFO'],
    [
      'a version without a release',
      [{ name: 'a', version: '1' }],
      'SOURCE_DAMAGED',
      'which is no version with a release',
    ],
    ['a name that is none', [{ name: '..' }], 'SOURCE_DAMAGED', 'which is no name'],
    [
      'a file in two packages',
      [tool, { name: 'twin', members: [program] }],
      'SOURCE_CONFLICT',
      'usr/bin/tool in ',
    ],
    [
      'two versions',
      [tool, { ...tool, version: '2.0-1', members: [] }],
      'SOURCE_CONFLICT',
      'is the package tool 2.0-1, and so is',
    ],
    [
      'packages that exclude each other',
      [tool, { ...other, info: ['conflict = tool'] }],
      'SOURCE_CONFLICT',
      'other is in conflict with tool',
    ],
    [
      'a digest that is another',
      [{ ...tool, mtree: (lines) => lines.map((line) => line.replace(/(usr.*digest=)../, '$100')) }],
      'SOURCE_DAMAGED',
      'has the sha256digest',
    ],
    [
      'a mode that is another',
      [{ ...tool, mtree: (lines) => lines.map((line) => line.replace('mode=755 size', 'mode=4755 size')) }],
      'SOURCE_DAMAGED',
      'has the mode 755 and not 4755',
    ],
    [
      'a file that .MTREE does not know',
      [{ ...tool, mtree: (lines) => lines.filter((line) => !line.includes('bin/tool')) }],
      'SOURCE_DAMAGED',
      'usr/bin/tool in',
    ],
    [
      'a file that only .MTREE knows',
      [{ ...tool, mtree: (lines) => [...lines, './usr/more type=file'] }],
      'SOURCE_DAMAGED',
      'usr/more in',
    ],
    ['an .MTREE that is none', [{ ...tool, mtree: () => ['nonsense'] }], 'SOURCE_DAMAGED', '.MTREE in'],
  ])('refuses %s', async (_, recipes, code, words) => {
    await expect(openAll(recipes)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words) as string,
    })
  })
})

describe('packagesIn', () => {
  it('finds packages and not their signatures', () => {
    const scratch = scratchDirectory()
    scratch.shell('touch b-1-1-any.pkg.tar.zst a-1-1-any.pkg.tar.xz a-1-1-any.pkg.tar.xz.sig repo.db.tar.gz')
    expect(packagesIn(scratch.path).map((path) => path.slice(scratch.path.length + 1))).toEqual([
      'a-1-1-any.pkg.tar.xz',
      'b-1-1-any.pkg.tar.zst',
    ])
    expect(isPackageName('x.pkg.tar')).toBe(true)
    expect(isPackageName('x.pkg.tar.zst.sig')).toBe(false)
  })
})
