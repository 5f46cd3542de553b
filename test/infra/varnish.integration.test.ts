import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { checkpointKey, timestampKey } from '../../src/repository/layout.ts'
import { freePort, startServerProgram } from '../support/server-program.ts'
import { bytesOf } from '../src/server/published-repository.ts'
import { httpGet } from '../src/server/http-get.ts'
import { EdgeWorld } from './edge-world.ts'

const vcl = join(import.meta.dirname, '../../infra/varnish/default.vcl')

let world: EdgeWorld
let varnish: AsyncDisposable
let port: number

beforeAll(async () => {
  world = await EdgeWorld.create()
  await world.publish(1)
  let text = await readFile(vcl, 'utf8')
  for (const [i, { url }] of world.frontEnds.entries()) {
    text = text.replace(`.port = "808${i + 1}"`, `.port = "${new URL(url).port}"`)
  }
  const scratch = join(world.directory, 'varnish')
  await mkdir(scratch)
  await writeFile(join(scratch, 'default.vcl'), text)
  port = await freePort()
  const args = ['-F', '-a', `127.0.0.1:${port}`, '-f', join(scratch, 'default.vcl'), '-s', 'malloc,64m']
  // Without its jail, which wants users that the Debian package makes, and without a port for its operator.
  args.push('-n', join(scratch, 'work'), '-j', 'none', '-T', 'none')
  // It tells its life on stderr.
  const quietly = ['-c', `exec varnishd "$@" 2>${join(scratch, 'log')}`, 'varnishd', ...args]
  varnish = await startServerProgram({ command: 'sh', args: quietly, port, endSignal: 'SIGTERM' })
  await vi.waitFor(async () => expect((await get('/readyz')).status).toBe(200), { timeout: 20_000 })
})

afterAll(async () => {
  await varnish[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const get = async (
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): ReturnType<typeof httpGet> => httpGet({ port, path, headers, method })

test('varnish accepts the configuration as it is', async () => {
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` }
  const args = ['-C', '-f', vcl, '-n', join(world.directory, 'compiled')]
  await expect(promisify(execFile)('varnishd', args, { env, maxBuffer: 2 ** 26 })).resolves.toBeDefined()
})

test('a crowd costs the front ends one request for a chunk', async () => {
  const chunk = await world.largestChunk()
  const content = await bytesOf(world.store, chunk)
  const answers = await Promise.all(Array.from({ length: 50 }, async () => get(`/${chunk}`)))
  expect(answers.every(({ status, body }) => status === 200 && body.equals(content))).toBe(true)
  expect(answers.filter(({ headers }) => headers['x-cache'] === 'MISS')).toHaveLength(1)
  await expect.poll(() => world.asked(chunk)).toBe(1)
  const again = await get(`/${chunk}`, { Host: 'other.example', Cookie: 'a=b' })
  expect([again.status, again.headers['x-cache']]).toEqual([200, 'HIT'])
  const part = await get(`/${chunk}`, { Range: 'bytes=5-9' })
  expect([part.status, part.headers['content-range']]).toEqual([206, `bytes 5-9/${content.length}`])
  expect(part.body.equals(content.subarray(5, 10))).toBe(true)
  expect((await get(`/${chunk}`, { Range: `bytes=${content.length}-` })).status).toBe(416)
  expect((await get(`/${chunk}`, { 'If-None-Match': again.headers['etag'] ?? '' })).status).toBe(304)
  expect(world.asked(chunk)).toBe(1)
  expect((await get(`/${chunk}`, {}, 'HEAD')).headers['content-length']).toBe(String(content.length))
})

test('the timestamp is that of this moment', async () => {
  for (const version of [2, 3]) {
    await world.publish(version)
    for (const key of [timestampKey, checkpointKey]) {
      const { body, headers } = await get(`/${key}`)
      expect(body.equals(await bytesOf(world.store, key))).toBe(true)
      expect(headers['x-cache']).toBe('MISS')
    }
  }
})

test('absence is not kept, and what is private is not there', async () => {
  const absent = `chunks/0000/${'0'.repeat(64)}.cacnk`
  expect((await get(`/${absent}`)).status).toBe(404)
  await world.store.put(absent, Buffer.from('there now'))
  expect((await get(`/${absent}`)).status).toBe(200)
  await world.store.put('private/publishes/9.json', Buffer.from('secret'))
  for (const path of [
    '/private/publishes/9.json',
    '/private',
    '//private/publishes/9.json',
    '/%70rivate/publishes/9.json',
    '/chunks/../private/publishes/9.json',
  ]) {
    const { status, body } = await get(path)
    expect([path, status]).toEqual([path, 404])
    expect(String(body)).not.toContain('secret')
  }
  expect((await get('/private/publishes/9.json')).json).toMatchObject({ code: 'ROUTE_UNKNOWN' })
})

test('machines update through it, also when a front end dies, and what never changes is there without any', async () => {
  await world.publish(4)
  const machine = world.machine(`http://127.0.0.1:${port}/`)
  expect(await machine.update()).toBe(4)
  await world.frontEnds[0]?.kill()
  await world.publish(5)
  expect(await machine.update()).toBe(5)
  expect(machine.file('noise').equals(world.noise(5))).toBe(true)
  const chunk = await world.largestChunk()
  await get(`/${chunk}`)
  await Promise.all([world.frontEnds[1]?.kill(), world.frontEnds[2]?.kill()])
  expect((await get(`/${chunk}`)).headers['x-cache']).toBe('HIT')
  const news = await get(`/${timestampKey}`)
  expect([news.status, news.headers['cache-control']]).toEqual([503, 'no-store'])
})
