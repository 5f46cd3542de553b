import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { FileServer } from '../support/file-server.ts'
import { RolloutFleet } from './rollout-fleet.ts'

const hourMs = 3_600_000
const everyone = { of: 1, buckets: [0, 10_000] } as const
/** How long a timestamp is good for (src/trust/role.ts). */
const timestampLifeHours = 7 * 24

afterEach(() => {
  vi.useRealTimers()
})

/** Moves the clocks of all sides. */
function passHours(hours: number): void {
  const now = Date.now() + hours * hourMs
  vi.useRealTimers()
  vi.useFakeTimers({ toFake: ['Date'], now })
}

test('a machine at 10 reaches 50 by way of 30, away in between', async () => {
  await using fleet = await RolloutFleet.create()
  await fleet.publish(10)
  const machine = await fleet.machine(everyone)
  expect(await machine.update()).toBe(10)
  for (const version of [20, 30, 40]) await fleet.publish(version)
  await fleet.vend('channel', 'set', 'stable', '--waypoint', '30')
  await fleet.publish(50, '--requires', '30')

  const { release, rules } = await machine.check(20)
  expect(release).toBe(30)
  expect(rules.map(({ name, holds }) => [name, holds])).toEqual([
    ['freshness', true],
    ['channel', true],
    ['halted', true],
    ['rollout', true],
    ['waypoint', true],
  ])
  expect(await machine.run(0, 'update')).toContain('Release 30 is a waypoint: when it runs')
  expect(machine.release).toBe(30)

  await fleet.close()
  expect(await machine.run(7, 'update')).toMatch(/hint: /)
  expect(machine.release).toBe(30)
  await fleet.publish(60, '--channel', 'edge')
  await fleet.open()
  expect(await machine.run(20, 'check', '--explain')).toMatch(
    /\n {2}requires +yes {2}release 50 requires release 30; 30 is installed\n/,
  )
  expect(await machine.update()).toBe(50)
  await machine.check(0)
})

test('machines move by the curve of a signed document, and by their own clocks', async () => {
  await using fleet = await RolloutFleet.create()
  await fleet.publish(10)
  const [early, late] = [
    await fleet.machine({ of: 11, buckets: [2000, 2100] }),
    await fleet.machine({ of: 11, buckets: [8000, 8100] }),
  ]
  expect([await early.update(), await late.update()]).toEqual([10, 10])
  await fleet.publish(11, '--channel', 'edge')
  await fleet.vend('channel', 'promote', 'edge', 'stable', '--now', '1%', '--to', '100%', '--over', '48h')
  expect([await early.update(), await late.update()]).toEqual([10, 10])
  const explained = await early.run(10, 'check', '--explain')
  expect(explained).toMatch(/\n {2}freshness +yes {2}the metadata is good until .*, as its timestamp says\n/)
  expect(explained).toMatch(
    /\n {2}rollout +no {3}1\.\d\d % of the machines may move; this one is number 20\d\d/,
  )
  const turn = Date.parse(/its turn comes at (\S+)/.exec(explained)?.[1] ?? '')

  passHours((turn - Date.now() - 2000) / hourMs)
  expect(await early.update()).toBe(10)
  passHours(2 / 3600)
  expect([await early.update(), await late.update()]).toEqual([11, 10])
  passHours(40)
  expect([await early.update(), await late.update()]).toEqual([11, 11])
})

describe('a halt', () => {
  test('stops new machines at once, and puts the rest of a curve off', async () => {
    await using fleet = await RolloutFleet.create()
    await fleet.publish(10)
    const [canary, next] = [
      await fleet.machine({ of: 11, buckets: [0, 90] }),
      await fleet.machine({ of: 11, buckets: [1000, 1100] }),
    ]
    expect([await canary.update(), await next.update()]).toEqual([10, 10])
    await fleet.publish(11, '--rollout', '1%')
    await fleet.vend('channel', 'rollout', 'stable', '--to', '100%', '--over', '10h')
    expect([await canary.update(), await next.update()]).toEqual([11, 10])
    await fleet.vend('channel', 'halt', 'stable', '--reason', 'web servers do not start')
    passHours(5)
    expect([await canary.update(), await next.update()]).toEqual([11, 10])
    const { rules } = await next.check(10)
    expect(rules.filter(({ holds }) => !holds).map(({ name }) => name)).toEqual(['halted', 'rollout'])
    expect(await next.run(10, 'check')).toContain('web servers do not start')

    await fleet.vend('channel', 'resume', 'stable')
    expect(await next.update()).toBe(10)
    passHours(2)
    expect(await next.update()).toBe(11)
  })

  test('that a mirror hides is obeyed within the life of a timestamp', async () => {
    await using fleet = await RolloutFleet.create()
    await fleet.publish(10)
    await using frozen = await FileServer.start(join(fleet.directory, 'frozen'))
    cpSync(fleet.repository, join(fleet.directory, 'frozen'), { recursive: true })
    const machines = [await fleet.machine(everyone, frozen.url), await fleet.machine(everyone, frozen.url)]
    for (const machine of machines) expect(await machine.update()).toBe(10)
    await fleet.publish(11)
    cpSync(fleet.repository, join(fleet.directory, 'frozen'), { recursive: true, force: true })
    await fleet.vend('channel', 'halt', 'stable')

    const [early, late] = machines
    passHours(timestampLifeHours - 1)
    expect(await early?.update()).toBe(11)
    passHours(2)
    expect(await late?.run(6, 'update')).toContain("the repository's metadata has expired")
    expect(late?.release).toBe(10)
  })
})

describe('a rollback', () => {
  test('brings the canaries back, and moves nobody else', async () => {
    await using fleet = await RolloutFleet.create()
    await fleet.publish(9)
    const canaries = [
      await fleet.machine({ of: 11, buckets: [0, 50] }),
      await fleet.machine({ of: 11, buckets: [50, 100] }),
    ]
    const pinned = await fleet.machine({ of: 11, buckets: [0, 100] })
    const ordinary = await fleet.machine({ of: 11, buckets: [5000, 10_000] })
    const old = await fleet.machine({ of: 10, buckets: [9000, 10_000] })
    expect(await old.update()).toBe(9)
    await fleet.publish(10, '--rollout', '50%')
    const others = [...canaries, pinned, ordinary]
    for (const machine of others) expect(await machine.update()).toBe(10)
    expect(await old.update()).toBe(9)

    await fleet.publish(11, '--rollout', '1%')
    for (const machine of [...canaries, pinned]) expect(await machine.update()).toBe(11)
    expect([await ordinary.update(), await old.update()]).toEqual([10, 9])
    await pinned.run(0, 'pin', '11')
    await fleet.vend('channel', 'halt', 'stable')

    // That the channel points to an earlier release moves nobody; that it orders them back does.
    await fleet.vend('channel', 'set', 'stable', '--release', '10', '--rollout', '0%', '--resume')
    for (const machine of canaries) expect(await machine.update()).toBe(11)
    expect(await canaries[0]?.run(0, 'check')).toMatch(/^Release 11 stays: it is later than the channel's/)
    await fleet.vend('channel', 'rollback', 'stable', '--to', '10', '--reason', 'web servers do not start')
    expect(await canaries[0]?.run(20, 'check')).toMatch(
      /^This machine is ordered back from release 11 to release 10\.\n[^]*web servers do not start/,
    )
    for (const machine of canaries) expect(await machine.update()).toBe(10)
    expect([await ordinary.update(), await old.update(), await pinned.update()]).toEqual([10, 9, 11])
    for (const machine of canaries) expect(await machine.update()).toBe(10)

    await pinned.run(0, 'unpin')
    expect(await pinned.update()).toBe(10)
    await fleet.publish(12)
    for (const machine of [...others, old]) expect(await machine.update()).toBe(12)
  })

  test('straight from the canaries leaves who else may take the earlier release as it was', async () => {
    await using fleet = await RolloutFleet.create()
    await fleet.publish(9)
    const canary = await fleet.machine({ of: 11, buckets: [0, 100] })
    const old = await fleet.machine({ of: 10, buckets: [9000, 10_000] })
    expect([await canary.update(), await old.update()]).toEqual([9, 9])
    await fleet.publish(10, '--rollout', '50%')
    await fleet.publish(11, '--rollout', '1%')
    expect([await canary.update(), await old.update()]).toEqual([11, 9])
    await fleet.vend('channel', 'rollback', 'stable', '--to', '10', '--reason', 'smoke')
    expect([await canary.update(), await old.update()]).toEqual([10, 9])
    expect(await fleet.text('channel', 'history', 'stable')).toMatch(
      /^TIME +RELEASE +CHANGE\n\S+ +10 +release 11 → 10\n +rollback of 11 and before: smoke\n +rollout: 50 % of machines\n\S+ +11 +release 10 → 11\n +rollout: 1 % of machines\n/,
    )
  })
})
