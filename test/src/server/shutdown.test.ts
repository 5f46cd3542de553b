import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { manifestKey } from '../../../src/repository/layout.ts'
import { startServer } from '../../../src/server/start-server.ts'
import { readToEnd, recordingLogger, Served } from './served.ts'

const path = `/${manifestKey(digestOf(Buffer.from('large')))}`
const bytes = 32_000_000

async function storeWithLarge(): Promise<MemoryStore> {
  const store = new MemoryStore()
  await store.put(path.slice(1), Buffer.alloc(bytes, 'x'))
  return store
}

test('a download in progress is finished, everything else ends at once', async () => {
  const served = await Served.start({ store: await storeWithLarge() })
  const [download, silent, partial, idle] = [1, 2, 3, 4].map(() => served.connect())
  if (!download || !silent || !partial || !idle) expect.fail()
  download.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  partial.write('GET /healthz HTTP/1.1\r\n')
  idle.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  await Promise.all([once(download, 'readable'), once(idle, 'readable'), sleep(50)])
  let closed = false
  const close = async (): Promise<void> => {
    await served.server.close()
    closed = true
  }
  const closing = close()
  await Promise.all([readToEnd(silent), readToEnd(partial), readToEnd(idle)])
  expect(closed).toBe(false)
  await expect(served.get('/healthz')).rejects.toThrow(/ECONNREFUSED/)
  const body = await readToEnd(download)
  expect(body.length - body.indexOf('\r\n\r\n') - 4).toBe(bytes)
  await closing
  await served.server.close()
})

test('a request that comes on a connection in progress is answered, and told that it is the last', async () => {
  const served = await Served.start({ store: await storeWithLarge() })
  const socket = served.connect()
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await once(socket, 'readable')
  const closing = served.server.close()
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  const text = await readToEnd(socket)
  expect(text.slice(0, 400)).toMatch(/^HTTP\/1\.1 200 /)
  expect(text.length).toBeGreaterThan(bytes)
  await closing
})

test('what does not end within the grace period is cut', async () => {
  const served = await Served.start({ store: await storeWithLarge(), limits: { shutdownGraceMs: 200 } })
  const stuck = served.connect().on('error', () => undefined)
  stuck.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  await once(stuck, 'readable')
  const began = performance.now()
  await served.server.close()
  expect(performance.now() - began).toBeGreaterThan(150)
  expect(performance.now() - began).toBeLessThan(3000)
  stuck.destroy()
})

test('an address that is taken is an error with a way out', async () => {
  const store = new MemoryStore()
  await using served = await Served.start({ store })
  const listen = { host: '127.0.0.1', port: served.port }
  const start = startServer({ store, listen, logger: recordingLogger().logger })
  await expect(start).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    hint: expect.stringContaining('VEND_LISTEN') as unknown,
  })
})

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ family }) => family === 'IPv6'))

test.skipIf(!hasIpv6)('an IPv6 address makes a URL', async () => {
  const { logger } = recordingLogger()
  const server = await startServer({ store: new MemoryStore(), listen: { host: '::1', port: 0 }, logger })
  expect(server.url).toMatch(/^http:\/\/\[::1\]:\d+$/)
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  await server.close()
})
