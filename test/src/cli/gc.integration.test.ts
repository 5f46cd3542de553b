import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jsonOf, vend, type Outcome } from './vend-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-gc-'))

async function run(...args: readonly string[]): Promise<Outcome> {
  return vend(args, { cwd: directory })
}

beforeAll(async () => {
  await run('init')
  for (let version = 1; version <= 4; version++) {
    execFileSync('bash', ['-euc', 'mkdir -p tree; head -c 200000 /dev/urandom > tree/file'], {
      cwd: directory,
    })
    expect(await run('publish', 'base=tree', '--release', String(version))).toMatchObject({ code: 0 })
  }
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

test('a dry run says what would go, a collection does it, and undo takes it back', async () => {
  const dry = await run('gc', '--dry-run', '--keep-last', '1', '--grace', '0s')
  expect(dry).toMatchObject({ code: 0, stderr: '' })
  expect(dry.stdout).toContain('Would be taken off the list: 2 releases: 1–2\n')
  expect(dry.stdout).toMatch(/would be condemned +\d+ +2 +0 +2 +\d+ kB\n/)
  expect(dry.stdout).toContain('Nothing was changed.')

  const done = await run('gc', '--keep-last', '1', '--grace', '0s', '--json')
  const report = jsonOf(done) as {
    readonly run: string
    readonly retired: number[]
    readonly dryRun: boolean
  }
  expect(report).toMatchObject({ dryRun: false, retired: [1, 2], condemned: { manifest: { objects: 2 } } })
  expect((await run('releases', '--json')).stdout).not.toContain('"version": 1,')

  const undone = await run('gc', 'undo', report.run)
  expect(undone).toMatchObject({
    code: 0,
    stdout: `Took back the collection ${report.run}. Listed again: 1, 2.\n`,
  })
  expect(await run('gc', 'undo')).toMatchObject({ code: 5 })
  expect(await run('verify')).toMatchObject({ code: 0 })
})

test('settings come from vend.yaml and the environment, too', async () => {
  writeFileSync(join(directory, 'vend.yaml'), 'gc:\n  keepLast: 1\n  pin: 2\n  grace: 0s\n')
  const outcome = await vend(['gc', '--dry-run', '--json'], {
    cwd: directory,
    env: { VEND_GC_QUARANTINE: '0s' },
  })
  expect(jsonOf(outcome)).toMatchObject({ retired: [1], swept: { manifest: { objects: 1 } } })
  rmSync(join(directory, 'vend.yaml'))
})

test('what makes no sense is refused', async () => {
  for (const args of [['--keep-last', '0'], ['--pin', '1,x'], ['--grace', 'soon'], ['everything']]) {
    expect(await run('gc', ...args)).toMatchObject({ code: 2 })
  }
})

test('without keys nothing is retired, that is said, and the rest is done', async () => {
  const outcome = await run('gc', '--keep-last', '1', '--keys', './elsewhere', '--dry-run')
  expect(outcome).toMatchObject({ code: 0 })
  expect(outcome.stdout).toMatch(
    /^No release was taken off the list: the keys of releases, snapshot, timestamp are not in /,
  )
})
