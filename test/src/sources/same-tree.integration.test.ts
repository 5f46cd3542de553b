import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSource } from '../../../src/sources/open-source.ts'
import type { WalkedEntry } from '../../../src/tree/walk-directory.ts'
import { Publisher } from '../../support/publisher.ts'
import { hasProgram, isRoot } from '../../support/programs.ts'
import { ScratchDirectory } from '../tree/scratch-directory.ts'
import { linesOf } from './listing.ts'

const scratch = new ScratchDirectory()
const epoch = 1_700_000_000
const nobody = { uid: 65_534, gid: 65_534 }

const recipes: Readonly<Record<string, string>> = {
  lib: String.raw`
    license=(GPL) backup=(etc/lib.conf) install=lib.install provides=(thing=2)
    package() {
      mkdir -p "$pkgdir/usr/lib" "$pkgdir/etc"
      head -c 100000 /dev/zero | tr '\0' l > "$pkgdir/usr/lib/lib.so.1"; ln -s lib.so.1 "$pkgdir/usr/lib/lib.so"
      echo a=b > "$pkgdir/etc/lib.conf"; ln "$pkgdir/etc/lib.conf" "$pkgdir/usr/lib/linked"
    }`,
  tool: String.raw`
    depends=(lib)
    package() {
      mkdir -p "$pkgdir/usr/bin" "$pkgdir/usr/share/two words"
      echo tool > "$pkgdir/usr/bin/tool"; chmod 4755 "$pkgdir/usr/bin/tool"
      : > "$pkgdir/usr/share/two words/$(printf 'n%.0s' {1..120})"
    }`,
}

/** With the real makepkg, as somebody who is not root. */
function build(name: string, extension: string): void {
  const directory = scratch.in(`build-${name}`)
  mkdirSync(directory)
  writeFileSync(
    join(directory, 'PKGBUILD'),
    `pkgname=${name} pkgver=1.2 pkgrel=1 arch=(any)\n${recipes[name]}\n`,
  )
  writeFileSync(join(directory, 'lib.install'), 'post_install() { touch /ran; }\n')
  execFileSync('chown', ['-R', `${nobody.uid}:${nobody.gid}`, directory])
  const env = {
    ...process.env,
    HOME: directory,
    PKGEXT: extension,
    PKGDEST: directory,
    SOURCE_DATE_EPOCH: `${epoch}`,
  }
  execFileSync('makepkg', ['--nodeps'], { cwd: directory, env, ...nobody, stdio: 'ignore' })
  execFileSync('bash', ['-c', `cp build-${name}/*.pkg.tar* packages/`], { cwd: scratch.path })
}

function pacman(...args: readonly string[]): string {
  return execFileSync('pacman', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Installs the packages with the real pacman, and dates directories as the packages do. */
function install(): void {
  const [tree, database] = [scratch.in('tree'), scratch.in('database')]
  mkdirSync(tree)
  mkdirSync(database)
  const config = scratch.in('pacman.conf')
  writeFileSync(config, '[options]\nArchitecture = auto\nSigLevel = Never\nLocalFileSigLevel = Never\n')
  const files = execFileSync('bash', ['-c', 'echo packages/*'], { cwd: scratch.path, encoding: 'utf8' })
  const paths = files
    .trim()
    .split(' ')
    .map((name) => scratch.in(name))
  const where = ['--root', tree, '--dbpath', database, '--config', config, '--logfile', scratch.in('log')]
  pacman('-Udd', '--noconfirm', '--noscriptlet', '--cachedir', scratch.in('cache'), ...where, ...paths)
  execFileSync('bash', ['-euc', `find . -type d -exec touch -d @${epoch} {} +; touch -d @0 .`], { cwd: tree })
  chmodSync(tree, 0o755)
}

/** Writes the files below var/lib/pacman of a tree. */
function unpackDatabase(walked: Iterable<WalkedEntry>, to: string): void {
  for (const { entry, open } of walked) {
    if (open === undefined || !entry.path.startsWith('var/lib/pacman/')) continue
    const at = join(to, entry.path.slice('var/lib/pacman/'.length))
    const fd = open()
    mkdirSync(dirname(at), { recursive: true })
    writeFileSync(at, readFileSync(fd))
    closeSync(fd)
    utimesSync(at, entry.mtime.seconds, entry.mtime.seconds)
  }
}

const canBuild = isRoot && hasProgram('makepkg') && hasProgram('pacman')

describe.skipIf(!canBuild)('one tree', () => {
  let publisher: Publisher

  beforeAll(async () => {
    chmodSync(scratch.path, 0o755)
    mkdirSync(scratch.in('packages'))
    build('lib', '.pkg.tar.zst')
    build('tool', '.pkg.tar.xz')
    install()
    publisher = await Publisher.create()
  })

  afterAll(() => {
    publisher[Symbol.dispose]()
    scratch[Symbol.dispose]()
  })

  const forms: readonly (readonly [string, string, string])[] = [
    ['a directory', 'dir:tree', 'true'],
    ['a tar archive in PAX form', 'tree.pax', 'tar --format=pax -C tree -cf tree.pax .'],
    ['a tar archive in GNU form', 'tree.gnu', 'tar --format=gnu -C tree -cf tree.gnu .'],
    ['a tar archive with zstd', 'tree.tar.zst', 'tar --format=pax -C tree -c . | zstd -q > tree.tar.zst'],
    ['a tar archive with gzip', 'tree.tar.gz', 'tar --format=pax -C tree -cz . > tree.tar.gz'],
    ['a tar archive with xz', 'tree.tar.xz', 'tar --format=pax -C tree -cJ . > tree.tar.xz'],
    ['a tar archive by bsdtar', 'tree.bsd', 'bsdtar --format=pax -C tree -cf tree.bsd .'],
    [
      'a tar archive in reverse',
      'tree.back',
      'find tree -mindepth 1 -printf "%P\\n" | sort -r > list; tar --no-recursion --format=pax -C tree -cf tree.back -T list ./',
    ],
    ...(hasProgram('umoci')
      ? ([
          [
            'an image in the OCI layout',
            'oci:layout:tree',
            'umoci init --layout layout; umoci new --image layout:tree; tar --format=pax -C tree -cf layer.tar .; umoci raw add-layer --image layout:tree layer.tar',
          ],
        ] as const)
      : []),
    ['a set of pacman packages', 'packages', 'true'],
  ]

  it('has the same manifest, byte by byte, from every source that carries its facts', async () => {
    const digests: Record<string, string> = {}
    for (const [i, [name, source, script]] of forms.entries()) {
      scratch.shell(script)
      const [, kind = '', path = ''] = /^([a-z]+:)?(.*)$/.exec(source) ?? []
      const text = `${kind}${scratch.in(path)}`
      await using opened = await openSource(text)
      const modules = [{ name: 'system', tree: opened.tree, includes: [] }]
      const { release } = await publisher.publish(i + 1, [], { modules })
      digests[name] = release.modules['system']?.manifest.digest ?? 'none'
    }
    const [, expected] = Object.entries(digests)[0] ?? []
    expect(digests).toEqual(Object.fromEntries(forms.map(([name]) => [name, expected])))
  })

  it('has a database that pacman itself reads as its own', async () => {
    await using opened = await openSource(`pacman:${scratch.in('packages')}`, { withPackageDatabase: true })
    expect(opened.notes).toEqual([expect.stringContaining('install scriptlets of lib were not run')])
    mkdirSync(scratch.in('ours/local'), { recursive: true })
    unpackDatabase(opened.tree.walk(), scratch.in('ours'))
    const show = (database: string, ...query: readonly string[]): string =>
      pacman(...query, '--root', scratch.in('tree'), '--dbpath', scratch.in(database)).replaceAll(
        /Install Date.*/g,
        '',
      )
    const shown = (text: string): string =>
      text.replaceAll(/Install Reason.*|Validated By.*|Install Script.*/g, '')
    expect(show('ours', '-Q')).toBe('lib 1.2-1\ntool 1.2-1\n')
    expect(show('ours', '-Ql')).toBe(show('database', '-Ql'))
    expect(shown(show('ours', '-Qi'))).toBe(shown(show('database', '-Qi')))
    expect(show('ours', '-Qkk')).toContain('lib: 8 total files, 0 altered files')
  })

  it('has every entry also when it is made from its packages one by one', async () => {
    await using all = await openSource(scratch.in('packages'))
    await using one = await openSource(scratch.in('packages/lib-1.2-1-any.pkg.tar.zst'))
    const lines = linesOf(one.tree)
    expect(lines.length).toBeGreaterThan(5)
    expect(linesOf(all.tree)).toEqual(expect.arrayContaining(lines))
  })
})
