import { expect, test } from 'vitest'
import type { Package, PackageDatabase } from '../../../src/packages/package-database.ts'
import { PackageIndex } from '../../../src/packages/package-index.ts'
import { readPackages } from '../../../src/packages/read-packages.ts'

function read(files: Readonly<Record<string, string>>): PackageDatabase {
  return readPackages(new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)])))
}

function find({ packages }: PackageDatabase, id: string): Package | undefined {
  return packages.find((each) => each.id === id)
}

const status = `Package: bash
Essential: yes
Status: install ok installed
Architecture: amd64
Multi-Arch: foreign
Version: 5.2-1
Depends: base-files (>= 2.1.12),
 debianutils (>= 5.6-0.1) | other:any
Pre-Depends: libc6 (<< 3)
Provides: sh, posix-shell (= 4)
Description: a shell
 .
 Package: not-a-field

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: libc6
Status: install ok triggers-pending
Architecture: amd64
Version: 2.36

Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36
`

test("dpkg's packages, with what they need, provide and list", () => {
  const database = read({
    'var/lib/dpkg/status': status,
    'var/lib/dpkg/arch': 'amd64\ni386\n',
    'var/lib/dpkg/info/bash.list': '/.\n/bin\n/bin/bash\n/etc/../../evil\n',
    'var/lib/dpkg/info/libc6:i386.list': '/.\n/lib/ld.so\n',
  })
  expect(database.packages.map(({ id }) => id)).toEqual(['bash', 'libc6', 'libc6:i386'])
  expect(find(database, 'bash')).toMatchObject({
    version: '5.2-1',
    isEssential: true,
    multiArch: 'foreign',
    paths: ['bin', 'bin/bash', 'etc/../../evil'],
    provides: [{ name: 'sh' }, { name: 'posix-shell', version: '4' }],
  })
  expect(find(database, 'bash')?.depends.map((group) => group.map(({ text }) => text))).toEqual([
    ['libc6 (<< 3)'],
    ['base-files (>= 2.1.12)'],
    ['debianutils (>= 5.6-0.1)', 'other:any'],
  ])
  expect(find(database, 'libc6:i386')?.paths).toEqual(['lib/ld.so'])
})

test('images without dpkg say what they have in status.d, and the files by their sums', () => {
  const database = read({
    'var/lib/dpkg/status.d/tzdata': 'Package: tzdata\nVersion: 1\nArchitecture: all\n',
    'var/lib/dpkg/status.d/tzdata.md5sums': '0123456789abcdef0123456789abcdef  usr/share/zone info\n',
  })
  expect(find(database, 'tzdata')?.paths).toEqual(['usr/share/zone info'])
})

test.each([
  [
    'a relation that is none',
    { 'var/lib/dpkg/status': 'Package: a\nStatus: install ok installed\nVersion: 1\nDepends: b (>= \n' },
  ],
  ['a package without a version', { 'var/lib/dpkg/status': 'Package: a\nStatus: install ok installed\n' }],
  ['half a diversion', { 'var/lib/dpkg/status': status, 'var/lib/dpkg/diversions': '/a\n/b\n' }],
  ['a pacman package without a name', { 'var/lib/pacman/local/a-1-1/desc': '%VERSION%\n1-1\n' }],
  ['an apk package without a version', { 'lib/apk/db/installed': 'P:a\n' }],
  ['two databases', { 'var/lib/dpkg/status': status, 'lib/apk/db/installed': 'P:a\nV:1\n' }],
])('%s is refused', (_, files) => {
  expect(() => read(files)).toThrow(expect.objectContaining({ code: 'PACKAGES_UNREADABLE' }))
})

test('a tree without a database has no packages', () => {
  expect(read({})).toMatchObject({ format: 'none', packages: [] })
  expect(read({ 'var/lib/dpkg/status': '' })).toMatchObject({ format: 'none', packages: [] })
})

test("pacman's packages, with shared libraries and versions", () => {
  const database = read({
    'var/lib/pacman/local/app-1-1/desc':
      '%NAME%\napp\n\n%VERSION%\n1:1.0-1\n\n%DEPENDS%\nlibz.so=1-64\nglibc>=2.30\n\n%CONFLICTS%\nold-app<2\n\n%OPTDEPENDS%\nextra: more\n',
    'var/lib/pacman/local/app-1-1/files': '%FILES%\nusr/\nusr/bin/\nusr/bin/app\n\n%BACKUP%\netc/app\t1\n',
    'var/lib/pacman/local/zlib-1-1/desc': '%NAME%\nzlib\n\n%VERSION%\n1.3-1\n\n%PROVIDES%\nlibz.so=1-64\n',
    'var/lib/pacman/local/glibc-2.9-1/desc': '%NAME%\nglibc\n\n%VERSION%\n2.9-1\n',
    'var/lib/pacman/local/ALPM_DB_VERSION': '9\n',
  })
  const app = find(database, 'app')
  expect(app).toMatchObject({ version: '1:1.0-1', paths: ['usr', 'usr/bin', 'usr/bin/app'] })
  const index = new PackageIndex(database)
  const met = app?.depends.map(([relation]) =>
    relation === undefined ? [] : index.satisfying(relation, app).map(({ id }) => id),
  )
  // 2.9 is before 2.30.
  expect(met).toEqual([['zlib'], []])
  expect(app?.conflicts).toEqual([
    { name: 'old-app', constraint: { operator: '<', version: '2' }, text: 'old-app<2' },
  ])
})

test("apk's packages, with what they provide", () => {
  const database = read({
    'lib/apk/db/installed':
      'C:Q1x=\nP:musl\nV:1.2.4-r2\nA:x86_64\np:so:libc.musl-x86_64.so.1=1\nF:lib\nR:ld-musl.so\na:0:0:755\nF:\nR:top\n\n' +
      'P:busybox\nV:1.36-r5\nD:so:libc.musl-x86_64.so.1 musl>=1.2 !toybox !old<2\n',
  })
  const busybox = find(database, 'busybox')
  expect(find(database, 'musl')?.paths).toEqual(['lib', 'lib/ld-musl.so', 'top'])
  expect(busybox?.conflicts.map(({ name }) => name)).toEqual(['toybox'])
  const index = new PackageIndex(database)
  expect(
    busybox?.depends.flat().map((relation) => index.satisfying(relation, busybox).map(({ id }) => id)),
  ).toEqual([['musl'], ['musl']])
})
