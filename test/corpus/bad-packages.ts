import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { BadSource } from './bad-source.ts'
import { packageOf, type PackageRecipe } from './package-maker.ts'
import { tarOf } from './tar-maker.ts'

const damaged = 'SOURCE_DAMAGED'
const conflict = 'SOURCE_CONFLICT'

function bad(
  name: string,
  packages: readonly (PackageRecipe | Uint8Array)[],
  code: string,
  ...says: readonly string[]
): BadSource {
  return {
    name: `packages: ${name}`,
    make: (directory) => {
      for (const [i, each] of packages.entries()) {
        writeFileSync(join(directory, `${i}.pkg.tar`), each instanceof Uint8Array ? each : packageOf(each))
      }
      return `pacman:${directory}`
    },
    code,
    says,
  }
}

const tool: PackageRecipe = {
  name: 'tool',
  members: [
    { path: 'usr/', type: '5', mode: 0o755 },
    { path: 'usr/tool', content: 'tool', mode: 0o755 },
    { path: 'usr/link', type: '2', link: 'tool' },
  ],
}
const changed = (from: RegExp | string, to: string): PackageRecipe => ({
  ...tool,
  mtree: (lines) => lines.map((line) => line.replace(from, to)),
})
const withInfo = (...info: readonly string[]): PackageRecipe => ({ ...tool, info })

export const badPackages: readonly BadSource[] = [
  bad('none', [], 'SOURCE_UNSUPPORTED', 'has no packages in it'),
  bad('no .PKGINFO', [{ ...tool, withoutInfo: true }], damaged, 'has no .PKGINFO'),
  bad('.PKGINFO that is no text', [withInfo('=\0=')], damaged, '.PKGINFO in', 'which is no "key = value"'),
  bad(
    '.PKGINFO that is a link',
    [tarOf([{ path: '.PKGINFO', type: '2', link: '/etc/passwd' }])],
    'SOURCE_REFUSED',
    '.PKGINFO in',
    'is no file',
  ),
  bad('a name that leads up', [{ ...tool, name: '../../../tmp/x' }], damaged, 'pkgname "../../../tmp/x"'),
  bad('a version that leads up', [{ ...tool, version: '1/../../2-1' }], damaged, 'pkgver "1/../../2-1"'),
  bad(
    'a digest that is another',
    [changed(/(usr\/tool.*digest=)./, '$1x')],
    damaged,
    'usr/tool in',
    'has the sha256digest',
  ),
  bad(
    'a size that is another',
    [changed('size=4', 'size=5')],
    damaged,
    'usr/tool in',
    'has the size 4 and not 5',
  ),
  bad(
    'a file without a digest',
    [changed(/(usr\/tool.*) sha256digest=.*/, '$1')],
    damaged,
    'usr/tool in',
    'has no sha256digest',
  ),
  bad(
    'a mode that is another',
    [changed('mode=755 size', 'mode=4755 size')],
    damaged,
    'has the mode 755 and not 4755',
  ),
  bad(
    'a time that is another',
    [changed('tool time=0.0', 'tool time=9.0')],
    damaged,
    'has the time 0 and not 9',
  ),
  bad(
    'a link that is another',
    [changed('link=tool', 'link=/etc/shadow')],
    damaged,
    'usr/link in',
    'has the link tool and not /etc/shadow',
  ),
  bad(
    'a type that is another',
    [changed('type=link', 'type=dir')],
    damaged,
    'usr/link in',
    'has the type link and not dir',
  ),
  bad('an owner that is another', [changed('uid=0', 'uid=1000')], damaged, 'has the uid 0 and not 1000'),
  bad(
    'a file that was added',
    [{ ...tool, mtree: (lines) => lines.slice(0, -1) }],
    damaged,
    'usr/link in',
    'it was added afterwards',
  ),
  bad(
    'a file that was taken out',
    [{ ...tool, mtree: (lines) => [...lines, './usr/gone type=file'] }],
    damaged,
    'usr/gone in',
    'and not in the package',
  ),
  bad(
    'an .MTREE that is none',
    [{ ...tool, mtree: () => ['one', 'two'] }],
    damaged,
    '.MTREE in',
    'does not begin with "#mtree"',
  ),
  bad(
    'an .MTREE that leads up',
    [{ ...tool, mtree: (lines) => [...lines, './../x type=file'] }],
    damaged,
    '.MTREE in',
    'leads up',
  ),
  bad(
    'an .MTREE that is not compressed',
    [
      tarOf([
        { path: '.PKGINFO', content: 'pkgname = a\npkgver = 1-1\n' },
        { path: '.MTREE', content: '#mtree' },
      ]),
    ],
    damaged,
    '.MTREE in',
    'cannot be read',
  ),
  bad(
    'an .MTREE that is a bomb',
    [
      tarOf([
        { path: '.PKGINFO', content: 'pkgname = a\npkgver = 1-1\n' },
        { path: '.MTREE', content: gzipSync(Buffer.alloc(65 << 20)) },
      ]),
    ],
    damaged,
    '.MTREE in',
    'larger than',
  ),
  bad(
    'a file twice in one package',
    [{ ...tool, members: [...(tool.members ?? []), { path: 'usr/tool' }] }],
    conflict,
    'usr/tool in',
    'comes twice in the package',
  ),
  bad(
    'a file in two',
    [tool, { name: 'twin', members: [{ path: 'usr/tool' }] }],
    conflict,
    'usr/tool in',
    'is in tool 1.0-1 too',
  ),
  bad(
    'a directory that is a link in another',
    [tool, { name: 'twin', members: [{ path: 'usr', type: '2', link: '/etc' }] }],
    conflict,
    'usr in',
    'is in tool 1.0-1 too',
  ),
  bad(
    'a file below a link of another',
    [
      { name: 'first', members: [{ path: 'opt', type: '2', link: '/etc' }] },
      { name: 'second', members: [{ path: 'opt/x' }] },
    ],
    'SOURCE_REFUSED',
    'opt/x in',
    'lies below opt',
  ),
  bad(
    'two versions',
    [tool, { ...tool, version: '2.0-1', members: [] }],
    conflict,
    'is the package tool 2.0-1',
  ),
  bad(
    'two that exclude each other',
    [tool, { name: 'rival', info: ['conflict = tool'] }],
    conflict,
    'rival is in conflict with tool',
  ),
  bad(
    'two that exclude each other by what they provide',
    [withInfo('provides = thing=1'), { name: 'rival', info: ['conflict = thing'] }],
    conflict,
    'rival is in conflict with thing',
  ),
  bad('one that is cut off', [packageOf(tool).subarray(0, 1000)], damaged, 'is cut off at byte 1000'),
  bad(
    'one that leads up',
    [{ name: 'evil', members: [{ path: '../evil' }] }],
    'SOURCE_REFUSED',
    '../evil in',
    'leads up',
  ),
]
