import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { FileServer } from '../../support/file-server.ts'
import type { Scenario } from '../../support/scenario.ts'
import { clientWorld, CommandLine } from './client-world.ts'

let world: Scenario
let mirror: FileServer
let url: string
let file: string
let machine: CommandLine

beforeAll(async () => {
  world = await clientWorld()
  url = (await world.serve()).url
  file = world.keys.rootPath
  mirror = await FileServer.start(world.repository)
})
beforeEach(() => {
  machine = new CommandLine(world)
})
afterEach(async () => (await world.serve()).behave())
afterAll(async () => {
  await mirror[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const nothing = { mirrors: [], ca: null, clientCertificate: null, clientKey: null, proxy: null }

test('mirrors are given when a machine is made, and shown', async () => {
  const made = await machine.json(0, 'init', url, '--trust', file, '--mirror', mirror.url, '--mirror', url)
  expect(made).toMatchObject({ url, connection: { ...nothing, mirrors: [mirror.url, url] } })
  expect(await machine.text(0, 'connection', 'show')).toBe(
    `  repository  ${url}\n  mirrors     ${mirror.url}\n              ${url}\n`,
  )
})

test('what works now is changed later, one thing at a time', async () => {
  await machine.init()
  expect(await machine.json(0, 'connection', 'show')).toEqual({ url, ...nothing })
  const proxy = 'http://me:pa55w0rd@127.0.0.1:3128'
  const set = await machine.text(0, 'connection', 'set', '--proxy', proxy, '--mirror', `${url}copy`)
  expect(set).toContain('proxy       http://me:…@127.0.0.1:3128\n')
  expect(await machine.json(0, 'connection', 'show')).toEqual({
    ...nothing,
    url,
    mirrors: [`${url}copy/`],
    proxy: 'http://me:…@127.0.0.1:3128',
  })
  // The one file that has the password is for its owner only.
  const settings = join(machine.directory, 'machine.json')
  expect(readFileSync(settings, 'utf8')).toContain('pa55w0rd')
  expect(statSync(settings).mode & 0o777).toBe(0o600)
  await machine.text(0, 'connection', 'set', '--proxy', 'none', '--no-mirror')
  expect(await machine.json(0, 'connection', 'show')).toEqual({ url, ...nothing, proxy: 'none' })
  await machine.text(0, 'connection', 'set', '--proxy', 'environment', '--url', mirror.url)
  expect(await machine.json(0, 'connection', 'show')).toEqual({ url: mirror.url, ...nothing })
  expect(statSync(settings).mode & 0o777).toBe(0o644)
  expect(await machine.json(20, 'check')).toMatchObject({ mirrors: { used: mirror.url, left: [] } })
})

test('which mirror was used, and why one was left, is said', async () => {
  await machine.init('--mirror', mirror.url)
  const server = await world.serve()
  server.fault = () => ({ kind: 'status', status: 500 })
  const checked = await machine.run('check', '--json')
  expect(JSON.parse(checked.stdout)).toMatchObject({
    mirrors: {
      used: mirror.url,
      left: [{ url, code: 'SERVER_UNREACHABLE', reason: expect.stringContaining('status 500') as string }],
    },
  })
  const { stdout, stderr } = await machine.run('update')
  expect(stdout).toContain(`mirror       ${mirror.url}\n  left         ${url}: ${url}tuf/metadata/`)
  expect(stderr).toMatch(
    /^SERVER_UNREACHABLE .*status 500\n {2}left http:.* for this run; going on with http:.*\n$/,
  )
})

test('a machine is made with the mirror that works', async () => {
  const server = await world.serve()
  server.fault = () => ({ kind: 'status', status: 500 })
  const args = ['--trust', file, '--mirror', mirror.url]
  const { code, stderr } = await machine.run('init', url, ...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/going on with/) as string })
})

test('a proxy of the environment is asked', async () => {
  await machine.init()
  machine.variables = { HTTP_PROXY: 'http://me:pa55w0rd@127.0.0.1:1' }
  const told = await machine.fails(7, 'check')
  expect(told).toMatch(/through the proxy http:\/\/127\.0\.0\.1:1\)/)
  expect(told).not.toContain('pa55w0rd')
  machine.variables = { HTTP_PROXY: 'http://127.0.0.1:1', NO_PROXY: '127.0.0.1' }
  await machine.json(20, 'check')
})

test.each<[string, readonly string[], RegExp]>([
  ['nothing to change', [], /there is nothing to change/],
  ['half a pair', ['--client-key', 'k'], /--client-key: needs its other half too; give --client-certificate/],
  ['a proxy that is none', ['--proxy', 'socks5://me:secret@h:1'], /--proxy: it is not the URL of a proxy/],
  ['a proxy with a path', ['--proxy', 'http://me:secret@h:1/x'], /--proxy: a proxy has no path/],
  ['a mirror that is none', ['--mirror', 'ftp://h/'], /--mirror: .* is not the URL of a server/],
  ['a mirror with a password', ['--mirror', 'http://a:secret@h/'], /--mirror: a repository has no user/],
  ['no such CA file', ['--ca', '/none.pem'], /TLS_FILES_INVALID .*CA file \/none\.pem is not there/],
])('%s is refused, and nothing is changed', async (_, args, problem) => {
  await machine.init()
  const told = await machine.fails(2, 'connection', 'set', ...args)
  expect(told).toMatch(problem)
  expect(told).not.toContain('secret')
  expect(await machine.json(0, 'connection', 'show')).toEqual({ url, ...nothing })
})

test('a CA file that is no more there is told of by each run', async () => {
  await machine.init()
  const settings = join(machine.directory, 'machine.json')
  const changed = {
    ...(JSON.parse(readFileSync(settings, 'utf8')) as object),
    connection: { ca: '/gone.pem' },
  }
  writeFileSync(settings, JSON.stringify(changed))
  expect(await machine.fails(2, 'check')).toMatch(/^TLS_FILES_INVALID .*\/gone\.pem is not there/)
})
