import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { FileServer, type ServerFault } from '../support/file-server.ts'
import type { Device } from '../support/scenario.ts'
import { expectNothingUnsigned, Siege, unsigned } from './siege.ts'

// Several mirrors, of which all but the last are in the hands of an attacker, or all of them.

let siege: Siege
let evil: FileServer
let evilRepository: string
const dayMs = 24 * 60 * 60 * 1000

beforeAll(async () => {
  siege = await Siege.begin()
  evilRepository = join(siege.scenario.directory, 'evil')
  execFileSync('cp', ['-a', siege.scenario.repository, evilRepository])
  evil = await FileServer.start(evilRepository)
})
afterEach(() => {
  vi.useRealTimers()
  evil.behave()
  evil.forget()
  serveEvil('release 11')
  siege.restore()
})
afterAll(async () => {
  await evil[Symbol.asyncDispose]()
  await siege[Symbol.asyncDispose]()
})

function serveEvil(state: string): void {
  rmSync(evilRepository, { recursive: true })
  execFileSync('cp', ['-a', join(siege.scenario.directory, `saved ${state}`), evilRepository])
}

/** A machine that asks the attacker first and an honest mirror when that fails. */
function follower(): Device {
  const victim = siege.victim()
  const { url } = siege.server
  victim.open().setConnection(evil.url, { mirrors: [url] })
  return victim
}

async function expectUpdate(victim: Device): Promise<void> {
  expect(await victim.update()).toMatchObject({ to: 11, mirrors: { used: siege.server.url } })
  victim.expectRelease(11)
  expectNothingUnsigned(victim)
}

const faults: readonly (readonly [string, ServerFault])[] = [
  ['refuses', { kind: 'status', status: 401 }],
  ['speaks something else', { kind: 'babble' }],
  ['never ends', { kind: 'endless' }],
  ['has nothing', { kind: 'status', status: 404 }],
]

test.each(faults)('malicious mirror: one that %s does not keep a machine from updating', async (_, fault) => {
  const victim = follower()
  evil.fault = () => fault
  await expectUpdate(victim)
})

test('malicious mirror: one that gives other metadata does not keep a machine from updating', async () => {
  const victim = follower()
  evil.rewrite = (path, body) =>
    path.endsWith('timestamp.json')
      ? Buffer.from(body.toString().replace(/"version":\d+/, '"version":99'))
      : body
  await expectUpdate(victim)
})

test.each([
  ['chunks', '.cacnk'],
  ['manifests', '.ndjson.zst'],
])('malicious mirror: one that gives other %s does not keep a machine from updating', async (_, name) => {
  const victim = follower()
  evil.rewrite = (path, body) => (path.endsWith(name) ? zstdCompressSync(Buffer.from(unsigned)) : body)
  await expectUpdate(victim)
})

test.each([
  ['chunks', '.cacnk'],
  ['manifests', '.ndjson.zst'],
])('malicious mirror: one that withholds %s does not keep a machine from updating', async (_, name) => {
  const victim = follower()
  evil.fault = ({ path }) => (path.endsWith(name) ? { kind: 'status', status: 404 } : undefined)
  await expectUpdate(victim)
})

test('malicious mirror: an older state than the machine has seen is passed over', async () => {
  const victim = follower()
  await victim.open().check()
  serveEvil('release 10')
  await expectUpdate(victim)
})

test('malicious mirror: a frozen one is found out when another has had something newer for a day', async () => {
  const victim = follower()
  serveEvil('release 10')
  expect(await victim.update()).toMatchObject({ changed: false, to: 10 })
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 1.5 * dayMs })
  await expectUpdate(victim)
})

test('malicious mirror: with expired metadata it is passed over', async () => {
  const victim = follower()
  serveEvil('release 10')
  const forge = siege.forge()
  const later = (signed: { expires: string }): string => (signed.expires = isoIn(30))
  forge.edit('channels', later)
  forge.vouch({ snapshot: later, timestamp: later })
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 8 * dayMs })
  await expectUpdate(victim)
})

function isoIn(days: number): string {
  return `${new Date(Date.now() + days * dayMs).toISOString().slice(0, 19)}Z`
}

test('malicious mirrors: when all of them lie, the machine stays as it is and says what is worst', async () => {
  const victim = follower()
  evil.fault = () => ({ kind: 'status', status: 404 })
  siege.server.rewrite = (path, body) => (path.endsWith('timestamp.json') ? Buffer.from(unsigned) : body)
  await siege.expectRefused('UNTRUSTED', victim)
  await siege.expectRecovery(victim)
})

test('drop-request: a server that closes every connection leaves the machine as it is', async () => {
  const victim = siege.victim()
  siege.server.fault = () => ({ kind: 'cut', after: 0 })
  await siege.expectRefused('SERVER_UNREACHABLE', victim)
  await siege.expectRecovery(victim)
})
