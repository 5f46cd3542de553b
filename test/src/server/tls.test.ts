import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { manifestKey } from '../../../src/repository/layout.ts'
import { readToEnd, Served } from './served.ts'

let directory: string
const path = `/${manifestKey(digestOf(Buffer.from('large')))}`
const store = new MemoryStore()

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vend-tls-'))
  for (const name of ['old', 'new']) {
    const files = ['-keyout', join(directory, `${name}.key`), '-out', join(directory, `${name}.crt`)]
    const args = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
    ]
    execFileSync('openssl', [...args, '-subj', `/CN=${name}`, ...files], { stdio: 'ignore' })
  }
  await store.put(path.slice(1), Buffer.alloc(16_000_000, 'x'))
})

afterAll(async () => {
  await rm(directory, { recursive: true })
})

async function install(name: string, kinds: readonly ('key' | 'crt')[] = ['crt', 'key']): Promise<void> {
  for (const kind of kinds)
    await copyFile(join(directory, `${name}.${kind}`), join(directory, `live.${kind}`))
}

async function start(): Promise<Served> {
  const tls = { certPath: join(directory, 'live.crt'), keyPath: join(directory, 'live.key') }
  return Served.start({ store, tls, tlsReloadMs: 30 })
}

async function handshake(port: number): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  return socket
}

async function nameOf(port: number): Promise<unknown> {
  const socket = await handshake(port)
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return subject.CN
}

test('a renewed pair is taken into use, and a bad one is not', async () => {
  await install('old')
  await using served = await start()
  expect(served.server.url).toMatch(/^https:/)
  expect(await nameOf(served.port)).toBe('old')
  const refusals = (): unknown[] => served.log.filter(({ level }) => level === 50)

  await install('new', ['crt'])
  await expect.poll(() => refusals().length).toBe(1)
  expect(await nameOf(served.port)).toBe('old')

  await writeFile(join(directory, 'live.key'), 'not a key')
  await expect.poll(() => refusals().length).toBe(2)
  await rm(join(directory, 'live.key'))
  await expect.poll(() => refusals().length).toBe(3)
  expect(await nameOf(served.port)).toBe('old')

  await install('new')
  await expect.poll(async () => nameOf(served.port)).toBe('new')
  expect(served.log.some(({ msg }) => msg === 'TLS certificate renewed')).toBe(true)
})

test('TLS 1.1 is not spoken, and browsers are told to stay with TLS', async () => {
  await install('old')
  await using served = await start()
  const old = {
    port: served.port,
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
  } as const
  const [error] = (await once(connect(old), 'error')) as [Error]
  expect(error).toBeInstanceOf(Error)
  const sent = request({ port: served.port, path: '/healthz', rejectUnauthorized: false, agent: false }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  expect(response.headers['strict-transport-security']).toBe('max-age=31536000')
  response.resume()
})

test('plain HTTP on the port gets nothing', async () => {
  await install('old')
  await using served = await start()
  const socket = connectPlain(served.port, '127.0.0.1')
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  expect(await readToEnd(socket)).not.toMatch(/ 200 /)
})

test('closing finishes a download, and cuts what is idle or still shaking hands', async () => {
  await install('old')
  const served = await start()
  const download = await handshake(served.port)
  const idle = await handshake(served.port)
  const silent = connectPlain(served.port, '127.0.0.1')
  await once(silent, 'connect')
  download.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await once(download, 'readable')
  const closing = served.server.close()
  await Promise.all([readToEnd(idle), readToEnd(silent)])
  expect((await readToEnd(download)).length).toBeGreaterThan(16_000_000)
  await closing
})

test('a server does not start with a pair that cannot be used', async () => {
  await install('old')
  await install('new', ['crt'])
  await expect(start()).rejects.toMatchObject({ code: 'TLS_FILES_INVALID' })
})
