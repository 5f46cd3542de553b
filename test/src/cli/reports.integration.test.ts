import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { sendReport } from '../../../src/client/report-sender.ts'
import { keysOf } from '../server/published-repository.ts'
import { Served } from '../server/served.ts'
import { hearReports } from '../../support/hear-reports.ts'
import { Scenario } from '../../support/scenario.ts'
import { clientHere, vendHere, type HereOutcome } from './vend-here.ts'

let world: Scenario
let served: Served
let clock = 0

beforeEach(async () => {
  world = await Scenario.create()
  await world.release(10, { base: (tree) => tree.file('etc/conf', 'a') })
  const reports = { store: world.store, flushMs: 5 }
  served = await Served.start({ store: world.store, reports, now: () => clock })
})

afterEach(async () => {
  await served[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const online = { timeout: 20_000 }

class Client {
  readonly #env: Record<string, string>

  constructor(name: string) {
    this.#env = { VEND_MACHINE: `${world.directory}/${name}` }
  }

  async run(...args: readonly string[]): Promise<HereOutcome> {
    return clientHere(args, this.#env)
  }

  async json(...args: readonly string[]): Promise<unknown> {
    const { code, stdout, stderr } = await this.run(...args, '--json')
    expect(code, stderr).toBe(0)
    return JSON.parse(stdout) as unknown
  }
}

async function client(name: string, { reports }: { reports: boolean }): Promise<Client> {
  const made = new Client(name)
  const trust = digestOf(world.trustedRoot)
  expect(await made.run('init', served.server.url, '--trust', trust)).toMatchObject({ code: 0 })
  if (reports) expect(await made.run('reports', 'on')).toMatchObject({ code: 0 })
  return made
}

async function vend(...args: readonly string[]): Promise<HereOutcome> {
  return vendHere(args, { VEND_STORE: `file:${world.repository}`, VEND_KEYS: `${world.directory}/keys` })
}

async function vendJson(...args: readonly string[]): Promise<Record<string, unknown>> {
  return JSON.parse((await vend(...args, '--json')).stdout) as Record<string, unknown>
}

test('a machine says nothing unless it is told to', async () => {
  const quiet = await client('quiet', { reports: false })
  expect(await quiet.json('status')).toMatchObject({ reports: false })
  expect((await quiet.run('reports', 'show')).stdout).toMatch(/^Reports are off: nothing is sent\.\n/)
  await quiet.json('update')
  expect(await quiet.json('reports', 'boot', 'ok')).toEqual({ sent: false })
  expect(served.log.filter(({ path }) => path === '/v1/reports')).toEqual([])
})

test('a machine that is told to sends what it shows, and status tells it', async () => {
  const machine = await client('machine', { reports: true })
  expect(await machine.json('status')).toMatchObject({ reports: true })
  expect((await machine.run('status')).stdout).toMatch(/reports +on; "vend-client reports show"/)
  await machine.json('update')
  const { example, url } = (await machine.json('reports', 'show')) as { example: string; url: string }
  expect(url).toBe(`${served.server.url}/v1/reports`)
  const report = JSON.parse(example) as Record<string, unknown>
  expect(report).toEqual({
    channel: 'stable',
    id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    from: null,
    to: 10,
    phase: 'switch',
    outcome: 'ok',
  })
  expect((await machine.run('reports', 'show')).stdout).toContain(example)
  await expect
    .poll(async () => vendJson('channel', 'status', 'stable'), online)
    .toMatchObject({
      moved: 1,
      known: 1,
      current: {
        release: 10,
        succeeded: 1,
        failed: 0,
        outcomes: [{ from: null, phase: 'switch', machines: 1 }],
      },
      previous: null,
    })
  // An update that finds nothing to do is no attempt.
  const sent = (): number => served.log.filter(({ path }) => path === '/v1/reports').length
  const before = sent()
  await machine.json('update')
  expect(sent()).toBe(before)
  expect(await machine.json('reports', 'boot', 'failed')).toEqual({ sent: true })
  const failed = {
    phase: 'boot',
    outcome: 'failed',
    code: 'BOOT_FAILED',
    who: String(report['id']).slice(0, 12),
  }
  await expect
    .poll(async () => vendJson('channel', 'status', 'stable'), online)
    .toMatchObject({ moved: 0, current: { outcomes: [failed] } })
  expect((await vend('channel', 'status', 'stable')).stdout).toMatch(
    /\nRelease 10: 1 of 1 machine failed, 100 %; with 99 % confidence between [\d.]+ % and 100 %\nMACHINES +OUTCOME/,
  )
  await machine.json('reports', 'off')
  expect(await machine.json('reports', 'boot', 'ok')).toEqual({ sent: false })
  await machine.json('reports', 'on')
  expect(
    JSON.parse(((await machine.json('reports', 'show')) as { example: string }).example),
  ).not.toMatchObject({
    id: report['id'],
  })
})

test('a failed update is told with its code, and fails as it would', async () => {
  const machine = await client('machine', { reports: true })
  await machine.json('update')
  const before = await keysOf(world.store, 'manifests/')
  await world.release(20, { base: (tree) => tree.file('etc/conf', 'b') })
  for (const key of await keysOf(world.store, 'manifests/')) {
    if (!before.includes(key)) await world.store.delete(key)
  }
  // The server looks for a new timestamp once a second.
  clock += 1000
  const outcome = await machine.run('update')
  expect(outcome).toMatchObject({ code: 9 })
  await expect
    .poll(async () => vendJson('channel', 'status', 'stable'), online)
    .toMatchObject({
      current: {
        release: 20,
        outcomes: [{ from: 10, phase: 'fetch', outcome: 'failed', code: 'OBJECT_MISSING', machines: 1 }],
      },
      previous: { release: 10, succeeded: 1 },
    })
})

test('a report that no one takes changes nothing', async () => {
  await served[Symbol.asyncDispose]()
  served = await Served.start({ store: world.store })
  const machine = await client('machine', { reports: true })
  expect(await machine.json('update')).toMatchObject({ changed: true, release: 10 })
  expect(await machine.json('reports', 'boot', 'ok')).toEqual({ sent: false })
})

test('a server that does not answer is not waited for', async () => {
  const silent = createServer().listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`
  const report = {
    channel: 'c',
    id: 'a'.repeat(32),
    from: null,
    to: 1,
    phase: 'switch',
    outcome: 'ok',
  } as const
  expect(await sendReport(report, { settings: { url }, env: {}, timeoutMs: 50 })).toBe(false)
  silent.closeAllConnections()
  silent.close()
  expect(await sendReport(report, { settings: { url }, env: {} })).toBe(false)
})

test('the guard ends with what it found', async () => {
  expect((await vend('channel', 'guard', 'stable')).code).toBe(14)
  const ids = Array.from({ length: 6 }, (_, i) => String(i).repeat(32))
  for (const id of ids) {
    const report = { channel: 'stable', id, from: null, to: 10, phase: 'build', outcome: 'failed', code: 'X' }
    const answer = await fetch(`${served.server.url}/v1/reports`, {
      method: 'POST',
      body: JSON.stringify(report),
      headers: { 'content-type': 'application/json' },
    })
    expect(answer.status).toBe(204)
  }
  await expect.poll(async () => vendJson('channel', 'guard', 'stable'), online).toMatchObject({ failed: 6 })
  expect(await vend('channel', 'guard', 'stable', '--ignore', 'X')).toMatchObject({ code: 14 })
  // The minute in which they came must be over.
  expect(await vend('channel', 'guard', 'stable')).toMatchObject({ code: 14, stderr: '' })
  expect(await vend('channel', 'guard', 'stable', '--max-failures', '100%')).toMatchObject({ code: 2 })
  expect((await vend('channel', 'guard', 'nothing')).code).toBe(5)
})

test('the guard watches until it has halted the channel', async () => {
  const machines = Array.from({ length: 10 }, (_, i) => i)
  const outcome = { from: 1, phase: 'build', outcome: 'failed', code: 'X' } as const
  await hearReports(world.store, { channel: 'stable', release: 10, machines, outcome, minute: 1 })
  const halted = await vend('channel', 'guard', 'stable', '--watch')
  expect(halted).toMatchObject({ code: 13, stderr: '' })
  expect(halted.stdout).toMatch(
    /^Channel stable was halted at release 10: too many machines fail\.\n10 of 10 machines failed/,
  )
  expect(await vendJson('channel', 'guard', 'stable')).toMatchObject({
    verdict: 'bad',
    halts: false,
    failed: 10,
    channel: { halted: true, halt: { reason: '10 of 10 machines failed (100 %); 2 % may' } },
  })
  expect((await vend('channel', 'status', 'stable')).stdout).toContain('halted for  10 of 10 machines failed')
})
