import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { vendHere } from './vend-here.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-channels-'))
const env = { VEND_STORE: `file:${directory}/repository`, VEND_KEYS: `${directory}/keys` }

beforeAll(async () => {
  // A curve does not move while it is read.
  vi.useFakeTimers({ toFake: ['Date'] })
  mkdirSync(join(directory, 'tree'))
  writeFileSync(join(directory, 'tree', 'file'), 'x')
  await said('init')
  for (const version of ['10', '11']) {
    await said('publish', join(directory, 'tree'), '--release', version, '--no-channel')
  }
})

afterAll(() => {
  vi.useRealTimers()
  rmSync(directory, { recursive: true, force: true })
})

async function said(...args: readonly string[]): Promise<string> {
  const outcome = await vendHere(args, env)
  expect(outcome, outcome.stderr).toMatchObject({ code: 0, stderr: '' })
  return outcome.stdout
}

async function refused(code: number, ...args: readonly string[]): Promise<string> {
  const outcome = await vendHere(args, env)
  expect(outcome, outcome.stderr).toMatchObject({ code, stdout: '' })
  return outcome.stderr
}

test('a release on its way through channels, to all machines and back', async () => {
  await said('channel', 'set', 'edge', '--release', '10')
  expect(await said('channel', 'promote', 'edge', 'slow')).toBe(
    'Channel slow has release 10 of channel edge.\n  release  10\n  rollout  all machines\n',
  )
  await said('channel', 'set', 'edge', '--release', '11')
  expect(
    await said('channel', 'promote', 'edge', 'slow', '--now', '1%', '--to', '100%', '--over', '48h'),
  ).toMatch(
    /^Channel slow has release 11 of channel edge\.\n {2}release +11\n {2}previously +10\n {2}rollout +1 % of machines now, 100 % at \S+Z\n$/,
  )
  expect(await refused(4, 'channel', 'rollout', 'slow', '--now', '0.5%')).toBe(
    'vend: release 11 on channel slow is rolled out to 1 % already, and not to fewer: 0.5 %\n' +
      '  hint: "vend channel halt slow" lets no further machine move; "vend channel rollback slow" brings back those that have\n',
  )
  expect(await said('channel', 'rollout', 'slow', '--now', '2%')).toBe(
    'Channel slow rolls out release 11.\n  release     11\n  previously  10\n  rollout     2 % of machines\n',
  )
  expect(await said('channel', 'halt', 'slow', '--reason', 'web servers do not start')).toBe(
    'Channel slow is halted at release 11.\n' +
      '  release     11\n  previously  10\n  rollout     halted (was 2 % of machines)\n  halted for  web servers do not start\n\n' +
      '"vend channel resume slow" goes on from here.\n' +
      '"vend channel rollback slow --to 10 --reason …" brings back machines that have moved.\n',
  )
  expect(await refused(4, 'channel', 'promote', 'slow', 'stable')).toContain(
    'channel slow is halted at release 11\n',
  )
  expect(await said('channel', 'rollout', 'slow', '--now', '3%')).toMatch(
    /\nThe channel is halted: no machine moves before "vend channel resume slow"\.\n$/,
  )
  expect(await said('channel', 'resume', 'slow')).toMatch(/^Channel slow goes on with release 11\.\n/)
  expect(await said('channel', 'resume', 'slow')).toMatch(/^Channel slow is like that already\.\n/)
  expect(await refused(4, 'channel', 'promote', 'slow', 'edge', '--now', '1%')).toContain('100 % already')
  expect(await said('channel', 'rollback', 'slow', '--to', '10', '--reason', 'smoke')).toBe(
    'Channel slow orders machines up to release 11 back to release 10.\n' +
      '  release     10\n  previously  11\n  rollout     all machines\n  rollback    from 11 and before: smoke\n',
  )
  expect(await refused(4, 'channel', 'rollback', 'slow', '--to', '11', '--reason', 'x')).toContain(
    'there is nothing to roll back to 11\n  hint: "vend channel history slow"',
  )
  expect(await said('channel', 'list')).toMatch(
    /^CHANNEL +RELEASE +PREVIOUSLY +ROLLOUT +WAYPOINTS\nedge +11 +10 +all machines +-\nslow +10 +11 +all machines +-\n$/,
  )

  const history = await said('channel', 'history', 'slow')
  expect(history.replaceAll(/\S+Z/g, 'TIME')).toBe(
    [
      'TIME                  RELEASE  CHANGE',
      'TIME       10  release 11 → 10',
      '                               rollback of 11 and before: smoke',
      '                               rollout: all machines',
      'TIME       11  resumed',
      'TIME       11  rollout: 3 % of machines',
      'TIME       11  halted: web servers do not start',
      'TIME       11  rollout: 2 % of machines',
      'TIME       11  release 10 → 11',
      '                               rollout: 1 % of machines, 100 % at TIME',
      'TIME       10  release 10',
      '                               rollout: all machines',
      '',
    ].join('\n'),
  )
  expect(JSON.parse(await said('channel', 'history', 'slow', '--limit', '1', '--json'))).toMatchObject({
    history: [
      {
        changes: ['release 11 → 10', 'rollback of 11 and before: smoke', 'rollout: all machines'],
        channel: { version: 10, rollback: { from: 11 } },
      },
    ],
  })
  expect(JSON.parse(await said('channel', 'list', '--json'))).toMatchObject({
    channels: [
      { channel: 'edge', fraction: 10_000 },
      { channel: 'slow', version: 10, rollout: { seed: '10' }, rollback: { from: 11, reason: 'smoke' } },
    ],
  })
})

test.each([
  ['a rollout of nothing', ['rollout', 'edge'], 'nothing to set: give --now, or --to with --over'],
  ['a curve without an end', ['rollout', 'edge', '--to', '5%'], '--to: in how long? give --over'],
  ['a curve to nowhere', ['rollout', 'edge', '--now', '5%', '--over', '1h'], '--over: give --to'],
  [
    'a falling curve',
    ['rollout', 'edge', '--now', '5%', '--to', '4%', '--over', '1h'],
    '--to: is less than --now, and a rollout does not shrink',
  ],
  ['a promotion to itself', ['promote', 'edge', 'edge'], 'TO: is the same channel as FROM'],
  ['a rollback for no reason', ['rollback', 'edge', '--to', '10'], '--reason'],
  ['an empty reason', ['halt', 'edge', '--reason', ' '], '--reason: says nothing'],
  ['a time without a unit', ['rollout', 'edge', '--to', '5%', '--over', '48'], '--over: "48" is not a time'],
] as const)('%s is refused', async (_, args, problem) => {
  expect(await refused(2, 'channel', ...args)).toContain(problem)
})

test.each([
  ['halt', 'nightly'],
  ['resume', 'nightly'],
  ['rollout', 'nightly', '--now', '1%'],
  ['rollback', 'nightly', '--to', '1', '--reason', 'x'],
  ['promote', 'nightly', 'stable'],
  ['history', 'nightly'],
])('channel %s of none', async (...args) => {
  expect(await refused(5, 'channel', ...args)).toContain('there is no channel "nightly"')
})
