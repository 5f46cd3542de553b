import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { MachineLayout } from '../../../src/client/machine-layout.ts'
import { MachineLock } from '../../../src/client/machine-lock.ts'
import { keep, type Scenario } from '../../support/scenario.ts'
import { clientWorld, CommandLine } from './client-world.ts'
import { clientHere } from './vend-here.ts'

let shared: Scenario
let machine: CommandLine

beforeAll(async () => {
  shared = await clientWorld()
})

beforeEach(() => {
  machine = new CommandLine(shared)
})

afterAll(async () => {
  await shared[Symbol.asyncDispose]()
})

/** A world that a test may publish to, with the machine in it. */
async function ownWorld(): Promise<Scenario> {
  const world = await clientWorld()
  machine = new CommandLine(world)
  return world
}

const web = { includes: ['base'], tree: keep }

async function installed(...init: readonly string[]): Promise<void> {
  await machine.init(...init)
  await machine.text(0, 'update')
}

function inRoot(path: string): string {
  return join(machine.directory, 'root', path)
}

test('from nothing to an update, and back', async () => {
  await using world = await ownWorld()
  await machine.init()
  expect(await machine.text(0, 'status')).toMatch(/^Nothing is installed yet: run "vend-client update"\.\n/)
  expect(await machine.text(20, 'check')).toMatch(
    /^Release 10 is to be installed\.\n {2}because +channel stable/,
  )
  expect(await machine.json(20, 'check')).toMatchObject({ available: true, installed: null, release: 10 })
  expect(await machine.json(0, 'update')).toMatchObject({
    changed: true,
    from: null,
    release: 10,
    modules: ['base', 'extra', 'web'],
    slot: 'a',
    kept: [],
  })
  expect(await machine.text(0, 'check')).toMatch(/^Release 10 is installed, and there is nothing newer\.\n/)
  expect(await machine.json(0, 'check')).toMatchObject({ available: false, held: false, installed: 10 })
  expect(await machine.fails(5, 'rollback')).toMatch(/^NO_PREVIOUS_ROOT .*\n {2}hint: /)
  appendFileSync(inRoot('etc/conf'), 'mine')
  await world.release(20, { base: (tree) => tree.file('etc/conf', 'other'), web, extra: keep })
  expect(await machine.text(20, 'check')).toMatch(
    /^There is an update: from release 10 to release 20\.\n[^]*"vend-client update" installs it\.\n$/,
  )
  const updated = await machine.text(0, 'update')
  expect(updated).toMatch(
    /^Updated from release 10 to release 20\.\n {2}because +channel stable is at release 20/,
  )
  expect(updated).toMatch(/\n +the channel is not halted\n +100\.00 % of the machines may move/)
  expect(updated).toMatch(
    /\n {2}transferred +[\d.]+ k?B in \d+ requests\n {2}how +base: 1 chunk of about [\d.]+ kB: .*\n {2}chunks +1 fetched\n/,
  )
  expect(updated).toContain("/etc/conf stays as it was changed here; the release's is /etc/conf.vend-new\n")
  expect(await machine.text(0, 'status')).toMatch(
    /^Release 20 is installed\.\n[^]* root a +release 10 .*, to roll back to\n {2}root b +release 20 .*, active\n/,
  )
  expect(await machine.text(0, 'rollback')).toMatch(/^Switched from release 20 to release 10\.\n/)
  expect(await machine.json(0, 'rollback')).toEqual({ from: 10, release: 20, slot: 'b' })
  expect(await machine.text(0, 'update')).toMatch(/^Release 20 is installed, and there is nothing newer\.\n/)
  expect(await machine.json(0, 'status')).toMatchObject({
    release: 20,
    active: 'b',
    modules: 'all',
    slots: { a: { release: 10 }, b: { release: 20 } },
  })
})

test('an update that is not for this machine yet', async () => {
  await using world = await ownWorld()
  await installed()
  await world.release(20, { base: keep }, { rolloutFraction: 0 })
  expect(await machine.text(10, 'check')).toMatch(
    /^Release 10 stays: this machine may not take the channel's release yet\.\n[^]*0\.00 % of the machines may move/,
  )
  expect(await machine.json(10, 'check')).toMatchObject({ held: true, available: false, release: 10 })
  expect(await machine.json(0, 'update')).toMatchObject({ held: true, changed: false, release: 10 })
  await world.release(30, { base: keep }, { requires: 20 })
  expect(await machine.fails(10, 'update')).toMatch(/^UPDATE_HELD .*requires release 20 first/)
})

test('check --explain lists every rule, and whether it held', async () => {
  await using world = await ownWorld()
  await installed()
  expect(await machine.text(0, 'check', '--explain')).toMatch(
    /^Release 10 is installed, and there is nothing newer\.\n {2}freshness +yes {2}the metadata is good until \S+Z, as its timestamp says\n {2}channel +no {3}channel stable is at release 10; release 10 is installed\n {2}transferred/,
  )
  await world.release(20, { base: keep }, { rolloutFraction: 0 })
  const held = await machine.text(10, 'check', '--explain')
  expect(held).toMatch(/\n {2}channel +yes {2}channel stable is at release 20/)
  expect(held).toMatch(/\n {2}halted +yes {2}the channel is not halted\n/)
  expect(held).toMatch(/\n {2}rollout +no {3}0\.00 % .* and its turn does not come by this rollout\n/)
  expect(await machine.text(10, 'check')).not.toContain('freshness')
  await world.release(30, { base: keep }, { requires: 20 })
  expect(await machine.text(10, 'check', '--explain')).toMatch(
    /\n {2}requires +no {3}release 30 requires release 20 first; 10 is installed\n/,
  )
  expect(await machine.json(10, 'check')).toMatchObject({
    held: true,
    rollback: false,
    freshUntil: expect.stringMatching(/Z$/) as string,
    rules: [
      { name: 'freshness', holds: true },
      { name: 'channel', holds: true },
      { name: 'halted', holds: true },
      { name: 'rollout', holds: true },
      { name: 'requires', holds: false },
    ],
  })
})

test('a pin keeps a machine from later releases until it is taken away', async () => {
  await using world = await ownWorld()
  await installed()
  expect(await machine.text(0, 'pin', '10')).toBe('This machine is pinned to release 10.\n')
  expect(await machine.text(0, 'pin', '10')).toBe('This machine is pinned to release 10 already.\n')
  expect(await machine.text(0, 'status')).toMatch(/\n {2}pinned +to release 10\n/)
  expect(await machine.json(0, 'status')).toMatchObject({ pin: 10 })
  await world.release(20, { base: keep })
  await world.release(30, { base: keep })
  expect(await machine.text(0, 'check')).toMatch(/^Release 10 stays: this machine is pinned\.\n/)
  expect(await machine.json(0, 'update')).toMatchObject({ changed: false, held: false, release: 10 })
  expect(await machine.text(0, 'pin', '20')).toBe(
    'This machine is pinned to release 20.\n"vend-client update" comes up to it as far as the channel has.\n',
  )
  expect(await machine.json(0, 'update')).toMatchObject({ release: 20 })
  expect(await machine.json(0, 'pin', '10')).toEqual({ changed: true, pin: 10, before: 20, installed: 20 })
  expect(await machine.json(0, 'update')).toMatchObject({ changed: false, release: 20 })
  expect(await machine.text(0, 'unpin')).toBe('This machine follows its channel again.\n')
  expect(await machine.text(0, 'unpin')).toBe('This machine follows its channel already.\n')
  expect(await machine.json(0, 'status')).toMatchObject({ pin: null })
  expect(await machine.json(0, 'update')).toMatchObject({ release: 30 })
  expect((await machine.run('pin', 'x')).stderr).toContain('VERSION: "x" is not a version')
})

test('damage is found, told apart from what is local, and repaired', async () => {
  await installed()
  expect(await machine.text(0, 'verify')).toMatch(/^Release 10 is as it must be\. \(.* s\)\n$/)
  appendFileSync(inRoot('usr/lib'), 'damage')
  rmSync(inRoot('extra'))
  appendFileSync(inRoot('etc/conf'), 'mine')
  writeFileSync(Buffer.concat([Buffer.from(inRoot('caf')), Buffer.from([0xe9])]), 'unknown')
  const found = await machine.text(9, 'verify')
  expect(found).toMatch(/^damaged {3}\/: has another mtime\ndamaged {3}\/extra: is missing\n/)
  expect(found).toMatch(/\ndamaged {3}\/usr\/lib: has another mtime, size\n/)
  expect(found).toMatch(
    /\nlocal {5}\/etc\/conf: has another mtime, size\nunknown {3}\/caf\\xe9: is not of the release\n/,
  )
  expect(found).toMatch(/\n3 paths of release 10 damaged .*\n"vend-client verify --repair"/)
  const unknown = { path: { base64: 'Y2Fm6Q==' }, problem: 'unknown', aspects: [], state: 'unknown' }
  expect(await machine.json(9, 'verify')).toMatchObject({
    release: 10,
    damaged: 3,
    repaired: 0,
    local: 1,
    unknown: 1,
    findings: expect.arrayContaining([unknown]) as unknown,
  })
  expect(await machine.text(0, 'verify', '--repair')).toMatch(
    /repaired {2}\/extra[^]*\nRepaired 3 paths of release 10\./,
  )
  expect(await machine.json(0, 'verify')).toMatchObject({ damaged: 0, local: 1, unknown: 1 })
})

test('modules are listed, added and removed', async () => {
  await installed('--modules', 'web')
  expect(await machine.text(0, 'module', 'list')).toMatch(
    /^MODULE +STATE +ENTRIES +CONTENT +INCLUDES +DESCRIPTION\nbase +installed +.* -\nextra +- +.*\nweb +installed +.* base +-\n$/,
  )
  expect(await machine.fails(5, 'module', 'add', 'extar')).toMatch(
    /^MODULE_UNKNOWN .*no module "extar"; did you mean extra\?\n {2}hint: it has base, extra, web/,
  )
  expect(await machine.fails(4, 'module', 'remove', 'base')).toMatch(
    /^MODULE_NEEDED .*"base" cannot be removed: "web" includes it\n {2}hint: remove "web" first/,
  )
  expect(await machine.fails(4, 'module', 'remove', 'web')).toMatch(/^MODULE_NEEDED .*at least one module/)
  expect(await machine.fails(5, 'module', 'remove', 'extra')).toMatch(/this machine has no module "extra"/)
  expect(await machine.text(0, 'module', 'add', 'extra')).toBe(
    'This machine now asks for extra, web.\n"vend-client update" makes it so.\n',
  )
  expect(await machine.text(0, 'module', 'add', 'extra')).toBe('This machine asks for extra, web already.\n')
  expect(await machine.text(20, 'check')).toMatch(
    /^Release 10 is to be built anew: other modules are asked for/,
  )
  expect(await machine.json(0, 'module', 'list')).toMatchObject({
    modules: [{ name: 'base' }, { name: 'extra', wanted: true, installed: false }, { name: 'web' }],
  })
  expect(await machine.text(0, 'module', 'remove', 'web', '--now')).toMatch(
    /^This machine now asks for extra\.\nBuilt release 10 anew, with the modules that are asked for\.\n/,
  )
  expect(await machine.fails(5, 'module', 'remove', 'base')).toMatch(/^MODULE_UNKNOWN/)
})

test('a machine with all modules asks by name once one is removed', async () => {
  await installed()
  expect(await machine.text(0, 'module', 'add', 'web')).toBe('This machine asks for all modules already.\n')
  expect(await machine.json(0, 'module', 'remove', 'extra')).toEqual({
    changed: true,
    modules: ['base', 'web'],
    update: null,
  })
})

test('a module that the repository has no more can be given up', async () => {
  await using world = await ownWorld()
  await installed('--modules', 'base,extra')
  await world.release(20, { base: keep })
  expect(await machine.fails(5, 'update')).toMatch(/^MODULE_MISSING .*extra\n {2}hint: .*module remove extra/)
  expect(await machine.json(0, 'module', 'list')).toMatchObject({ modules: [{ name: 'base', wanted: true }] })
  expect(await machine.json(0, 'module', 'remove', 'extra', '--now')).toMatchObject({
    modules: ['base'],
    update: { release: 20 },
  })
})

const everyCommand = [
  ['check'],
  ['update'],
  ['rollback'],
  ['verify'],
  ['module', 'list'],
  ['module', 'add', 'web'],
  ['module', 'remove', 'web'],
]

test.each([...everyCommand, ['status']])('%s %s without a machine', async (...args) => {
  expect(await machine.fails(3, ...args)).toMatch(
    /^MACHINE_MISSING .*\n {2}hint: make one with "vend-client init"/,
  )
})

test('while another process works on the machine only status answers', async () => {
  await installed()
  using _lock = new MachineLock(new MachineLayout(machine.directory))
  for (const args of everyCommand) expect(await machine.fails(4, ...args)).toMatch(/^MACHINE_BUSY/)
  expect(await machine.json(0, 'status')).toMatchObject({ release: 10 })
})

test('verify before anything is installed', async () => {
  await machine.init()
  expect(await machine.fails(3, 'verify')).toMatch(/^NOT_INSTALLED .*\n {2}hint: run "vend-client update"/)
})

test('a server that gives other bytes than were signed', async () => {
  await using world = await ownWorld()
  await installed()
  const server = await world.serve()
  server.rewrite = (path, body) => (path.endsWith('timestamp.json') ? Buffer.from('{}') : body)
  for (const command of ['check', 'update']) expect(await machine.fails(6, command)).toMatch(/^UNTRUSTED/)
})

test('damaged records of the machine', async () => {
  await installed()
  writeFileSync(join(machine.directory, 'machine.json'), 'no JSON')
  expect(await machine.fails(9, 'status')).toMatch(/^MACHINE_INVALID/)
})

test('a directory that is a file', async () => {
  const file = join(shared.directory, 'file')
  writeFileSync(file, '')
  const outcome = await clientHere(['status', '--machine', file])
  expect(outcome).toMatchObject({ code: 7, stdout: '' })
  expect(outcome.stderr).toMatch(/^vend-client: ENOTDIR.*\n {2}hint: /)
})

test('on a terminal the phases are drawn, and removed in the end', async () => {
  await machine.init()
  const { code, stderr } = await clientHere(['update'], machine.env, true)
  expect(code).toBe(0)
  expect(stderr).toContain('asking the repository')
  expect(stderr).toContain('writing contents')
  expect(stderr.endsWith('\r\u001B[K')).toBe(true)
})

test('settings, unknown commands and help', async () => {
  mkdirSync(machine.directory)
  expect(await clientHere(['status'], { VEND_MACHIN: 'x' })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('VEND_MACHINE') as string,
  })
  expect((await clientHere(['upgrade'])).code).toBe(2)
  const help = await clientHere(['check', '--help'])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  expect(help.stdout).toContain('   20  there is an update')
  expect((await clientHere(['--help'])).stdout).toContain('VEND_MACHINE for --machine')
  expect((await clientHere(['completion', 'bash'])).stdout).toContain("'module remove'")
})
