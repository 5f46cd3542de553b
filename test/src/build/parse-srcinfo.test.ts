import { expect, test } from 'vitest'
import { parseSrcinfo } from '../../../src/build/parse-srcinfo.ts'
import { packageFileName } from '../../../src/build/recipe.ts'

/** As makepkg 6.0.2 prints it. */
const split = `pkgbase = libkv
	pkgdesc = reads files
	pkgver = 1.0
	pkgrel = 2
	epoch = 3
	install = kv.install
	arch = x86_64
	arch = aarch64
	makedepends = cmake>=3.20
	makedepends_x86_64 = nasm
	makedepends_aarch64 = gas
	checkdepends = python
	depends = filesystem
	provides = libkv.so=1-64
	source = kv.c
	source = kv-1.0.tar.gz::https://example.org/archive/v1.0.tar.gz
	source = https://example.org/logo.png
	sha256sums = SKIP
	sha256sums = aaaa
	sha256sums = bbbb
	md5sums = cccc
	md5sums = SKIP
	md5sums = SKIP
	source_x86_64 = fast.S
	sha256sums_x86_64 = dddd
	source_aarch64 = other.S
	sha256sums_aarch64 = eeee

pkgname = libkv

pkgname = kv
	pkgdesc = prints values
	install = tool.install
	arch = any
	depends = libkv=3:1.0
	depends = filesystem
	depends_x86_64 = fast
	provides = 

pkgname = kv-docs
	depends = 
`

test('reads split packages, each with its own or the common values', () => {
  const recipe = parseSrcinfo(split, 'x86_64', 'PKGBUILD')
  expect(recipe).toMatchObject({ base: 'libkv', version: '3:1.0-2' })
  expect(recipe.packages).toEqual([
    {
      name: 'libkv',
      architecture: 'x86_64',
      depends: ['filesystem'],
      provides: [
        { name: 'libkv', version: '3:1.0-2' },
        { name: 'libkv.so', version: '1-64' },
      ],
    },
    {
      name: 'kv',
      architecture: 'any',
      depends: ['libkv=3:1.0', 'filesystem', 'fast'],
      provides: [{ name: 'kv', version: '3:1.0-2' }],
    },
    {
      name: 'kv-docs',
      architecture: 'x86_64',
      depends: [],
      provides: [
        { name: 'kv-docs', version: '3:1.0-2' },
        { name: 'libkv.so', version: '1-64' },
      ],
    },
  ])
  expect(recipe.packages.map((each) => packageFileName(recipe, each))).toEqual([
    'libkv-3:1.0-2-x86_64.pkg.tar.zst',
    'kv-3:1.0-2-any.pkg.tar.zst',
    'kv-docs-3:1.0-2-x86_64.pkg.tar.zst',
  ])
})

test('takes what is said of its own architecture, and not of another', () => {
  const x86 = parseSrcinfo(split, 'x86_64', 'PKGBUILD')
  expect(x86.makeDepends).toEqual(['cmake>=3.20', 'nasm'])
  expect(x86.sources.map(({ name }) => name)).toEqual(['kv.c', 'kv-1.0.tar.gz', 'logo.png', 'fast.S'])
  const arm = parseSrcinfo(split, 'aarch64', 'PKGBUILD')
  expect(arm.makeDepends).toEqual(['cmake>=3.20', 'gas'])
  expect(arm.sources.at(-1)).toEqual({ name: 'other.S', url: undefined, checksums: ['sha256:eeee'] })
  expect(arm.checkDepends).toEqual(['python'])
})

test('tells local sources from others, each with its checksums', () => {
  expect(parseSrcinfo(split, 'x86_64', 'PKGBUILD').sources.slice(0, 3)).toEqual([
    { name: 'kv.c', url: undefined, checksums: ['md5:cccc'] },
    {
      name: 'kv-1.0.tar.gz',
      url: 'https://example.org/archive/v1.0.tar.gz',
      checksums: ['sha256:aaaa'],
    },
    { name: 'logo.png', url: 'https://example.org/logo.png', checksums: ['sha256:bbbb'] },
  ])
})

test('collects the files that become part of any package', () => {
  expect(parseSrcinfo(split, 'x86_64', 'PKGBUILD').files).toEqual(['kv.install', 'tool.install'])
})

test('refuses a package for other machines, and says which', () => {
  expect(() => parseSrcinfo(split, 'riscv64', 'a/PKGBUILD')).toThrow(
    'a/PKGBUILD: libkv is for x86_64, aarch64, and this machine is riscv64',
  )
})

test.each(['', 'pkgbase = a\n\tpkgver = 1\n\npkgname = a\n', 'pkgbase = a\n\tpkgver = 1\n\tpkgrel = 1\n'])(
  'refuses what is no description of packages: %j',
  (text) => {
    expect(() => parseSrcinfo(text, 'x86_64', 'PKGBUILD')).toThrow(/^PKGBUILD: /)
  },
)

test('refuses a source without a name for its file', () => {
  const text = 'pkgbase = a\n\tpkgver = 1\n\tpkgrel = 1\n\tarch = any\n\tsource = ../::x\n\npkgname = a\n'
  expect(() => parseSrcinfo(text, 'x86_64', 'PKGBUILD')).toThrow('has no file name')
})
