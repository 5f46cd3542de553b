import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkpointKey, timestampKey } from '../../src/repository/layout.ts'
import { freePort, startServerProgram } from '../support/server-program.ts'
import { bytesOf } from '../src/server/published-repository.ts'
import { httpGet } from '../src/server/http-get.ts'
import { EdgeWorld } from './edge-world.ts'

let world: EdgeWorld
let nginx: AsyncDisposable
let scratch: string
let port: number
let url: string

beforeAll(async () => {
  world = await EdgeWorld.create()
  await world.publish(1)
  scratch = join(world.directory, 'nginx')
  port = await freePort()
  url = `http://127.0.0.1:${port}/`
  const frontEnds = world.frontEnds.map(({ host }) => `server ${host} max_fails=2 fail_timeout=5s;`)
  const template = await readFile(
    join(import.meta.dirname, '../../infra/nginx/front-ends.conf.template'),
    'utf8',
  )
  const server = template
    .replaceAll('${VEND_NGINX_LISTEN}', `127.0.0.1:${port}`)
    .replaceAll('${VEND_NGINX_FRONT_ENDS}', frontEnds.join(' '))
    .replaceAll('${VEND_NGINX_CACHE}', join(scratch, 'cache'))
    .replaceAll('${VEND_NGINX_CACHE_SIZE}', '100m')
  await mkdir(scratch)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${scratch}/tmp;`,
  )
  const user = process.geteuid?.() === 0 ? 'user root;' : ''
  await writeFile(
    join(scratch, 'nginx.conf'),
    `${user} daemon off; pid ${scratch}/pid; error_log stderr crit; events {}
    http { access_log off; ${temporary.join(' ')}\n${server} }`,
  )
  const args = ['-c', join(scratch, 'nginx.conf'), '-p', scratch]
  nginx = await startServerProgram({ command: 'nginx', args, port, endSignal: 'SIGTERM' })
})

afterAll(async () => {
  await nginx[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const get = async (
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): ReturnType<typeof httpGet> => httpGet({ port, path, headers, method })

test('nginx accepts the configuration', async () => {
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` }
  const { stderr } = await promisify(execFile)('nginx', ['-t', '-p', scratch, '-c', 'nginx.conf'], { env })
  expect(stderr).toContain('test is successful')
  expect(stderr).not.toContain('[warn]')
})

test('a crowd costs the front ends one request for a chunk', async () => {
  const chunk = await world.largestChunk()
  const content = await bytesOf(world.store, chunk)
  const answers = await Promise.all(Array.from({ length: 50 }, async () => get(`/${chunk}`)))
  expect(answers.every(({ status, body }) => status === 200 && body.equals(content))).toBe(true)
  await expect.poll(() => world.asked(chunk)).toBe(1)
  const again = await get(`/${chunk}`)
  expect([again.headers['x-cache'], again.headers['x-content-type-options']]).toEqual(['HIT', 'nosniff'])
  const part = await get(`/${chunk}`, { Range: 'bytes=5-9', 'If-Range': again.headers['etag'] ?? '' })
  expect([part.status, part.headers['content-range']]).toEqual([206, `bytes 5-9/${content.length}`])
  expect((await get(`/${chunk}`, { 'If-None-Match': again.headers['etag'] ?? '' })).status).toBe(304)
  expect(world.asked(chunk)).toBe(1)
  expect((await get(`/${chunk}`, {}, 'HEAD')).headers['content-length']).toBe(String(content.length))
})

test('the timestamp is that of this moment, and nothing is kept of it', async () => {
  for (const version of [2, 3]) {
    await world.publish(version)
    for (const key of [timestampKey, checkpointKey]) {
      const { body, headers } = await get(`/${key}`)
      expect(body.equals(await bytesOf(world.store, key))).toBe(true)
      expect([headers['cache-control'], headers['x-cache']]).toEqual(['public, no-cache', undefined])
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
    '/chunks/../private/publishes/9.json',
    '//private/publishes/9.json',
    '/%70rivate/publishes/9.json',
  ]) {
    const { status, body } = await get(path)
    expect([path, status]).toEqual([path, 404])
    expect(String(body)).not.toContain('secret')
  }
})

test('front ends are told who asks', async () => {
  await get('/v1/channels', { 'X-Forwarded-For': '192.0.2.7' })
  const told = (): boolean =>
    world.frontEnds
      .flatMap((frontEnd) => frontEnd.requests())
      .some(({ path, remote }) => path === '/v1/channels' && remote === '192.0.2.7')
  await expect.poll(told).toBe(true)
})

test('machines update through it, also when front ends die', async () => {
  await world.publish(4)
  const machine = world.machine(url)
  expect(await machine.update()).toBe(4)
  expect(machine.file('noise').equals(world.noise(4))).toBe(true)
  await world.publish(5)
  await world.frontEnds[0]?.kill()
  expect(await machine.update()).toBe(5)
  await world.frontEnds[1]?.kill()
  await world.publish(6)
  expect(await machine.update()).toBe(6)
  expect(machine.file('noise').equals(world.noise(6))).toBe(true)
})

test('what never changes is there even without any front end, and the timestamp is not', async () => {
  const chunk = await world.largestChunk()
  await get(`/${chunk}`)
  await world.frontEnds[2]?.kill()
  expect((await get(`/${chunk}`)).status).toBe(200)
  expect((await get(`/${timestampKey}`)).status).toBe(502)
})
