import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import type { Scenario } from '../../support/scenario.ts'
import { clientWorld, CommandLine } from './client-world.ts'

let world: Scenario
let url: string
let digest: string
let file: string

beforeAll(async () => {
  world = await clientWorld()
  url = (await world.serve()).url
  digest = digestOf(world.trustedRoot)
  file = world.keys.rootPath
})

afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

test('with the digest of the root', async () => {
  const machine = new CommandLine(world)
  expect(await machine.init()).toBe(
    `Made a machine in ${machine.directory}.\n  repository  ${url}\n  trusts      ${digest}\n` +
      `  channel     stable, at release 10\n  modules     all\n\n` +
      `What to do next:\n  vend-client update --machine ${machine.directory}\n`,
  )
  const again = await machine.fails(4, 'init', url, '--trust', digest)
  expect(again).toContain('MACHINE_EXISTS')
})

test('with a file, a channel and modules', async () => {
  const machine = new CommandLine(world)
  const json = await machine.json(0, 'init', url.slice(0, -1), '--trust', file, '--modules', 'web,base')
  expect(json).toEqual({
    machine: machine.directory,
    url,
    channel: 'stable',
    modules: ['base', 'web'],
    root: digest,
    release: 10,
    connection: { mirrors: [], ca: null, clientCertificate: null, clientKey: null, proxy: null },
  })
})

test('offline nobody is asked', async () => {
  const machine = new CommandLine(world)
  const args = ['http://127.0.0.1:1/', '--trust', file, '--channel', 'later', '--offline']
  expect(await machine.json(0, 'init', ...args)).toMatchObject({ release: null, channel: 'later' })
  const status = await machine.json(0, 'status')
  expect(status).toMatchObject({ url: 'http://127.0.0.1:1/', channel: 'later', release: null })
})

test.each([
  ['another digest', () => [url, '--trust', `sha256:${'0'.repeat(64)}`], 6, /UNTRUSTED .* not sha256:0000/],
  [
    'a channel that is not there',
    () => [url, '--trust', file, '--channel', 'no'],
    5,
    /^CHANNEL_MISSING .*"no"/,
  ],
  ['a module that is not there', () => [url, '--trust', file, '--modules', 'wep'], 5, /did you mean web\?/],
  ['no server', () => ['http://127.0.0.1:1', '--trust', file], 7, /^SERVER_UNREACHABLE .* in 3 tries/],
  ['a server without a repository', () => [`${url}no/`, '--trust', digest], 7, /^SERVER_REFUSED/],
  [
    'a URL of no server',
    () => ['ftp://host/', '--trust', file],
    2,
    /URL: "ftp:\/\/host\/" is not the URL of a server/,
  ],
  ['no URL', () => ['example', '--trust', file], 2, /write https:\/\/host\/path/],
  ['a user in the URL', () => ['http://a:b@host/', '--trust', file], 2, /no user or password/],
  ['a query', () => ['http://host/?a', '--trust', file], 2, /no \? or #/],
  ['nobody to trust', () => [url], 2, /--trust is missing/],
  [
    'no file',
    () => [url, '--trust', 'none.json'],
    2,
    /there is no file "none.json"; write a file's name, or sha256:/,
  ],
  ['a bare digest', () => [url, '--trust', digest.slice(7)], 2, /a digest is written sha256:/],
  ['half a digest', () => [url, '--trust', 'sha256:00'], 2, /is not sha256: and 64/],
  [
    'a name that is none',
    () => [url, '--trust', file, '--modules', 'a,B'],
    2,
    /--modules: "B" is not a name/,
  ],
  [
    'a channel name that is none',
    () => [url, '--trust', file, '--channel', 'A'],
    2,
    /--channel: "A" is not a name/,
  ],
  [
    'offline with a digest',
    () => [url, '--trust', digest, '--offline'],
    2,
    /--offline: the root of a digest has to/,
  ],
])('%s: refused, and nothing is made', async (_, args, code, problem) => {
  const machine = new CommandLine(world)
  expect(await machine.fails(code, 'init', ...args())).toMatch(problem)
  expect(existsSync(machine.directory)).toBe(false)
})

test.each([
  ['garbage', 'no JSON'],
  ['another document', '{"signed": {"_type": "timestamp"}, "signatures": []}'],
])('%s to trust is refused', async (_, content) => {
  const machine = new CommandLine(world)
  const garbage = join(world.directory, 'garbage.json')
  writeFileSync(garbage, content)
  expect(await machine.fails(6, 'init', url, '--trust', garbage)).toMatch(
    /^METADATA_INVALID .*garbage.json is not TUF metadata/,
  )
  expect(existsSync(machine.directory)).toBe(false)
})

test('another root than that of the repository is refused', async () => {
  const machine = new CommandLine(world)
  const other = join(world.directory, 'other.json')
  const { Scenario: Another } = await import('../../support/scenario.ts')
  await using stranger = await Another.create()
  writeFileSync(other, stranger.trustedRoot)
  expect(await machine.fails(6, 'init', url, '--trust', other)).toMatch(/^UNTRUSTED/)
})
