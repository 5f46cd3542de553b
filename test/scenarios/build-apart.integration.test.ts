import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { BuildCache } from '../../src/build/build-cache.ts'
import type { BuildEnvironment } from '../../src/build/build-package.ts'
import { buildPackages, type PackageBuild } from '../../src/build/build-packages.ts'
import { findBuildTools } from '../../src/build/build-tools.ts'
import { findBuildUser } from '../../src/build/build-user.ts'
import { readRecipes } from '../../src/build/read-recipes.ts'
import { isRoot } from '../support/programs.ts'

let scratch = ''
let packages = ''

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'vend-apart-'))
  packages = join(scratch, 'packages')
  mkdirSync(join(scratch, 'tmp'))
  vi.stubEnv('TMPDIR', join(scratch, 'tmp'))
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(scratch, { recursive: true, force: true })
})

function recipe(name: string, text: string, fields = ''): void {
  mkdirSync(join(packages, name), { recursive: true })
  const head = `pkgname=${name}\npkgver=1\npkgrel=1\npkgdesc=test\narch=(any)\n${fields}\n`
  writeFileSync(join(packages, name, 'PKGBUILD'), `${head}${text}\n`)
}

async function environment(more: Partial<BuildEnvironment> = {}): Promise<BuildEnvironment> {
  return {
    cache: new BuildCache(join(scratch, 'cache')),
    tools: await findBuildTools(),
    user: findBuildUser(undefined),
    ...more,
  }
}

async function build(more: Partial<BuildEnvironment> = {}): Promise<PackageBuild[]> {
  return buildPackages({ packages, jobs: 2 }, await environment(more))
}

/** A file of a built package. */
function contentOf(built: readonly PackageBuild[], path: string): string {
  const file = built.flatMap(({ files }) => files).at(-1) ?? ''
  return execFileSync('bsdtar', ['-xOf', file, path], { encoding: 'utf8' })
}

describe.skipIf(!isRoot)('a PKGBUILD', () => {
  test('touches nothing of the system, neither where it is read nor where it is built', async () => {
    const [keys, repository, open] = ['keys', 'repository', 'open'].map((name) => join(scratch, name))
    for (const each of [keys, repository, open]) mkdirSync(each ?? '')
    writeFileSync(join(keys ?? '', 'root.key'), 'secret', { mode: 0o600 })
    execFileSync('chmod', ['777', open ?? '', scratch])
    const server = createServer((socket) => socket.end('here')).listen(0, '127.0.0.1')
    await new Promise((listening) => server.once('listening', listening))
    const address = server.address() as { readonly port: number }
    const marker = `/var/tmp/vend-apart-${process.pid}`
    const attempts = `
attempt() {
  echo "uid $(id -u) $(id -G)"
  for place in ${keys} ${repository} ${open} / /etc /usr/bin /root /home; do
    (echo owned >"$place/owned") 2>/dev/null && echo "wrote $place"
  done
  echo owned >${marker}
  cat ${keys}/root.key 2>/dev/null && echo "read the key"
  (exec 3<>/dev/tcp/127.0.0.1/${address.port}) 2>/dev/null && echo "reached this machine"
  kill -0 ${process.pid} 2>/dev/null && echo "sees processes"
  setpriv --reuid 0 true 2>/dev/null && echo "is root"
  chown 0:0 "$PWD" 2>/dev/null && echo "gave away"
  mount -t tmpfs none /mnt 2>/dev/null && echo "mounted"
  echo "environment: $VEND_SECRET"
}`
    recipe(
      'hostile',
      `${attempts}\nattempt >&2\nbuild() { attempt >result; }\npackage() { install -Dm644 -t "$pkgdir" result; }`,
    )
    vi.stubEnv('VEND_SECRET', 'hidden')
    try {
      const { uid, gid } = findBuildUser(undefined)
      const built = await build()
      expect(contentOf(built, 'result')).toBe(`uid ${uid} ${gid}\nenvironment: \n`)
    } finally {
      server.close()
    }
    expect(existsSync(marker)).toBe(false)
    for (const each of [repository, open]) expect(readdirSync(each ?? '')).toEqual([])
    expect(readdirSync(scratch).sort()).toEqual(['cache', 'keys', 'open', 'packages', 'repository', 'tmp'])
  })

  test('is read by the building user, in the same way', async () => {
    recipe(
      'read',
      'pkgver=$(id -u)_$(ls /proc | grep -c "^[0-9]")_$(ls -A /tmp | tr -d "\\n")\npackage() { :; }',
    )
    const [found] = await readRecipes(packages, await environment(), 1)
    expect(found?.version).toMatch(/^60999_\d_build-1$/)
  })

  test('does not see what another that is built at the same time does', async () => {
    // Each leaves a mark wherever it may write, and waits long enough for the other to see it.
    const look = `build() {
  for place in /tmp /var/tmp /dev/shm /run/lock "$HOME"; do echo "$pkgname" >"$place/mark-$pkgname"; done
  sleep 1
  cat /tmp/mark-* /var/tmp/mark-* /dev/shm/mark-* /run/lock/mark-* "$HOME"/mark-* >seen
  ls /proc | grep -c '^[0-9]' >>seen
  ls -d ${tmpdir()}/vend-build-* >>seen 2>/dev/null || true
}
package() { install -Dm644 -t "$pkgdir" seen; }`
    recipe('one', look)
    recipe('two', look)
    const built = await build()
    expect(built.map(({ base }) => base)).toEqual(['one', 'two'])
    for (const each of built) {
      const lines = contentOf([each], 'seen').trim().split('\n')
      expect(lines.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => each.base))
      expect(Number(lines[5])).toBeLessThan(20)
      expect(lines).toHaveLength(6)
    }
  })

  test('gets no file that it does not name', async () => {
    recipe('undeclared', 'build() { cat "$startdir/other"; }\npackage() { :; }')
    writeFileSync(join(packages, 'undeclared', 'other'), 'other')
    await expect(build()).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: expect.stringContaining('No such file or directory') as string,
    })
  })

  test('makes the same bytes again, elsewhere', async () => {
    recipe('same', 'build() { pwd >result; }\npackage() { install -Dm644 -t "$pkgdir" result; }')
    const first = await build()
    const bytesOf = (built: readonly PackageBuild[]): Buffer => readFileSync(built[0]?.files[0] ?? '')
    mkdirSync(join(scratch, 'elsewhere'))
    vi.stubEnv('TMPDIR', join(scratch, 'elsewhere'))
    const second = await build({ cache: new BuildCache(join(scratch, 'other-cache')) })
    expect(second[0]?.isNew).toBe(true)
    expect(second[0]?.files[0]).not.toBe(first[0]?.files[0])
    expect(bytesOf(second).equals(bytesOf(first))).toBe(true)
  })

  test('and all that it started end when the building is stopped', async () => {
    const token = `vend-${process.pid}-token`
    recipe('slow', `build() { (exec -a ${token} sleep 900) & exec -a ${token} sleep 900; }\npackage() { :; }`)
    const stopped = new AbortController()
    const isThere = (): boolean =>
      execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).includes(`${token} 900`)
    const building = build({ signal: stopped.signal })
    building.catch(() => undefined)
    while (!isThere()) await sleep(50)
    stopped.abort(new Error('stopped'))
    await expect(building).rejects.toThrow('stopped')
    while (isThere()) await sleep(20)
    expect(readdirSync(join(scratch, 'tmp'))).toEqual([])
  })
})

test('a result that was damaged in the cache is built again', async () => {
  recipe('plain', 'package() { echo content >"$pkgdir/file"; }')
  const [first] = await build()
  expect((await build())[0]?.isNew).toBe(false)
  writeFileSync(first?.files[0] ?? '', 'damage')
  const [again] = await build()
  expect(again?.isNew).toBe(true)
  expect(contentOf([again as PackageBuild], 'file')).toBe('content\n')
})

test('a PKGBUILD that makepkg cannot read is named, with what makepkg says', async () => {
  recipe('odd', 'package() { :; }', 'pkgrel=-1')
  await expect(build()).rejects.toMatchObject({
    code: 'PKGBUILD_INVALID',
    message: expect.stringMatching(/^makepkg cannot read .*odd\/PKGBUILD:\n.*pkgrel/s) as string,
  })
})

test('what a package needs lies in its sysroot, also what that needs in turn', async () => {
  recipe('low', 'package() { install -d "$pkgdir/usr/share"; echo low >"$pkgdir/usr/share/low"; }')
  recipe(
    'middle',
    'package() { install -d "$pkgdir/usr/share"; echo middle >"$pkgdir/usr/share/middle"; }',
    'depends=(low)',
  )
  recipe(
    'high',
    'package() { cat "$VEND_SYSROOT"/usr/share/{low,middle} >"$pkgdir/both"; ls "$VEND_SYSROOT/usr/share" >"$pkgdir/all"; }',
    'makedepends=(middle)',
  )
  recipe('stranger', 'package() { install -d "$pkgdir/usr/share"; echo x >"$pkgdir/usr/share/stranger"; }')
  const built = await build()
  const high = built.filter(({ base }) => base === 'high')
  expect(contentOf(high, 'both')).toBe('low\nmiddle\n')
  expect(contentOf(high, 'all')).toBe('low\nmiddle\n')
})
