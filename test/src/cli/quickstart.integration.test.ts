import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { jsonOf, outcomeOf, vend, type Outcome } from './vend-process.ts'

const launcher = fileURLToPath(new URL('../../../src/cli/quickstart.mjs', import.meta.url))

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vend-quickstart-'))
  const script = `
    mkdir -p old/etc old/usr; echo 1 > old/etc/conf; head -c 3000000 /dev/urandom > old/usr/lib; ln -s lib old/usr/link
    cp -a old new; echo 2 > new/etc/conf; echo more >> new/usr/lib`
  execFileSync('bash', ['-eu'], { cwd: directory, input: script })
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

async function quickstart(args: readonly string[], path = process.env['PATH'] ?? ''): Promise<Outcome> {
  const env = { PATH: path, HOME: directory }
  return outcomeOf(spawn(process.execPath, [launcher, ...args], { cwd: directory, env }))
}

test('two directories, from publishing to rolling back, and once more', async () => {
  const outcome = await quickstart(['old', 'new'])
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  const steps = [
    /^Release 10 {2}old\nRelease 20 {2}new\n\nSTEP +TREE +STORED +TRANSFERRED +REQUESTS +TOOK\n/,
    /\npublish release 10 +3\.00 MB +3\.\d\d MB +[\d.]+ s\n/,
    /\ninstall release 10 +3\.00 MB +3\.\d\d MB +\d+ +[\d.]+ s\n/,
    /\npublish release 20 .*\ncheck: is there an update\? .*\nupdate to release 20 +3\.00 MB +[\d.]+ kB /,
    /\nverify every file .*\nroll back to release 10 .*\nand forward to release 20 .*\n/,
    /\nThe update took [\d.]+ % of the bytes of the first installation\.\nEvery file of the machine was read/,
    /\nWhat to do next:\n {2}npm start /,
  ]
  for (const step of steps) expect(outcome.stdout).toMatch(step)
  const options = { cwd: directory, program: 'vend-client' } as const
  const status = await vend(['status', '--machine', 'machine', '--json'], options)
  expect(jsonOf(status)).toMatchObject({ release: 20, url: 'http://127.0.0.1:8080/' })
  expect(await vend(['verify'], { cwd: directory })).toMatchObject({ code: 0 })
  const again = await quickstart(['old', 'new', '--json'])
  expect(again).toMatchObject({ code: 0, stderr: '' })
  expect(jsonOf(again)).toMatchObject({ releases: [30, 40], damaged: 0, kept: [], notKept: {} })
  expect((await quickstart(['new', 'old'])).stdout).toContain('\nThe repository is that of an earlier run')
})

/** Stands in for npm: packs a directory with the name and version of what is asked for. */
const npm = String.raw`#!/bin/sh
test "$1" = pack || exit 2
case "$2" in
  *@broken*) echo 'npm error code ENOTFOUND' >&2; echo 'npm error network no registry' >&2; exit 1 ;;
esac
mkdir package && echo "$2" > package/package.json && tar -czf package.tgz package && rm -r package
`

test('a package becomes a tree, once; without a registry the way out is told', async () => {
  const { fetchPackage } = await import('../../../src/cli/quickstart/fetch-package.ts')
  const bin = join(directory, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'npm'), npm)
  chmodSync(join(bin, 'npm'), 0o755)
  const { PATH } = process.env
  process.env['PATH'] = `${bin}:${PATH}`
  try {
    const tree = join(directory, 'cache', 'tree')
    const complete = (made: string): void => writeFileSync(join(made, 'added'), '')
    const options = { signal: new AbortController().signal, complete }
    await fetchPackage({ name: '@a/b', version: '1.2.3', place: 'usr/lib/b' }, tree, options)
    expect(readFileSync(join(tree, 'usr/lib/b/package.json'), 'utf8')).toBe('@a/b@1.2.3\n')
    expect(existsSync(join(tree, 'added'))).toBe(true)
    rmSync(join(bin, 'npm'))
    await fetchPackage({ name: '@a/b', version: '1.2.3', place: 'usr/lib/b' }, tree, options)
    writeFileSync(join(bin, 'npm'), npm, { mode: 0o755 })
    const other = join(directory, 'cache', 'other')
    const broken = fetchPackage({ name: 'b', version: 'broken', place: 'b' }, other, options)
    await expect(broken).rejects.toMatchObject({
      code: 'PACKAGE_UNAVAILABLE',
      message: 'npm cannot fetch b@broken: code ENOTFOUND, network no registry',
    })
    expect(existsSync(other)).toBe(false)
  } finally {
    process.env['PATH'] = PATH
  }
})

test('a repository in use and a machine of someone else are left alone', async () => {
  const options = { cwd: directory }
  await vend(['init'], options)
  expect(await vend(['publish', 'old', '--release', '7'], options)).toMatchObject({ code: 0 })
  const used = await quickstart(['old', 'new'])
  expect(used).toMatchObject({ code: 4, stdout: '' })
  expect(used.stderr).toMatch(/^quickstart: .* holds release 7, which no quickstart published\n {2}hint: /)
  mkdirSync(join(directory, 'machine'))
  const machine = await quickstart(['old', 'new', '--store', 'file:./other', '--keys', 'others'])
  expect(machine).toMatchObject({ code: 4, stdout: '' })
  expect(machine.stderr).toContain('that no quickstart made')
  expect(existsSync(join(directory, 'other'))).toBe(false)
})

test.each([
  [['old'], /^quickstart: NEWER: is missing; name two directories, or none\n/],
  [
    ['old', 'none'],
    /^quickstart: NEWER: there is no directory "none"\n {2}hint: see "npm run quickstart -- --help"\n/,
  ],
  [['old', 'new', 'newest'], /^quickstart: too many arguments/],
])('%j is refused, and nothing is made', async (args, problem) => {
  const outcome = await quickstart(args)
  expect(outcome).toMatchObject({ code: 2, stdout: '' })
  expect(outcome.stderr).toMatch(problem)
  expect(existsSync(join(directory, 'repository'))).toBe(false)
})
