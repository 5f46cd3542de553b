import { gzipSync } from 'node:zlib'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ScratchDirectory } from '../src/tree/scratch-directory.ts'
import { tarOf, type MemberRecipe } from './tar-maker.ts'

export interface PackageRecipe {
  readonly name: string
  readonly version?: string
  /** More lines of .PKGINFO. */
  readonly info?: readonly string[]
  readonly members?: readonly MemberRecipe[]
  readonly install?: string
  /** Changes, leaves out or breaks the .MTREE that would be right. */
  readonly mtree?: (lines: string[]) => string[] | undefined
  readonly withoutInfo?: boolean
}

/** Writes a package such as makepkg makes, uncompressed, into a directory and returns its path. */
export function makePackage(directory: ScratchDirectory, recipe: PackageRecipe): string {
  const { name, version = '1.0-1' } = recipe
  const path = join(directory.path, `${name}-${version}-any.pkg.tar`)
  writeFileSync(path, packageOf(recipe))
  return path
}

export function packageOf(recipe: PackageRecipe): Buffer {
  const { name, version = '1.0-1', info = [], members = [], install, withoutInfo = false } = recipe
  const text = [
    `pkgname = ${name}`,
    `pkgbase = ${name}`,
    `pkgver = ${version}`,
    'builddate = 1700000000',
    ...info,
    '',
  ]
  const about: MemberRecipe[] = [
    { path: '.BUILDINFO', content: 'format = 2\n', mtime: 1 },
    ...(withoutInfo ? [] : [{ path: '.PKGINFO', content: text.join('\n'), mtime: 1 }]),
    ...(install === undefined ? [] : [{ path: '.INSTALL', content: install, mtime: 1 }]),
  ]
  const all = [...about, ...members]
  const change = recipe.mtree ?? ((lines: string[]) => lines)
  const lines = change(['#mtree', '/set type=file uid=0 gid=0 mode=644', ...all.map(mtreeLine)])
  const mtree =
    lines === undefined ? [] : [{ path: '.MTREE', content: gzipSync(`${lines.join('\n')}\n`), mtime: 1 }]
  return tarOf([...about, ...mtree, ...members])
}

function mtreeLine({
  path,
  type = '0',
  content = '',
  mode = 0o644,
  mtime = 0,
  link = '',
}: MemberRecipe): string {
  const start = `./${path.replaceAll(' ', '\\040').replace(/\/$/, '')} time=${mtime}.0 mode=${mode.toString(8)}`
  if (type === '5') return `${start} type=dir`
  if (type === '2') return `${start} mode=777 type=link link=${link}`
  const digest = createHash('sha256').update(content).digest('hex')
  return `${start} size=${Buffer.byteLength(content)} sha256digest=${digest}`
}
