import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { HttpFetcher, type FetcherOptions } from '../../../src/client/http-fetcher.ts'
import { FileServer } from '../../support/file-server.ts'
import { freePort } from '../../support/server-program.ts'
import { startTinyproxy } from '../../support/tinyproxy.ts'
import { served, TlsAuthority } from '../../support/tls-authority.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-proxies-'))
const body = Buffer.from('a chunk')
let ca: TlsAuthority
let plain: FileServer
let secure: FileServer

beforeAll(async () => {
  mkdirSync(join(directory, 'files'))
  writeFileSync(join(directory, 'files/object'), body)
  ca = new TlsAuthority(directory, 'ca')
  plain = await FileServer.start(join(directory, 'files'))
  secure = await FileServer.start(join(directory, 'files'), served(ca.issue('good', 'IP:127.0.0.1')))
})
afterAll(async () => {
  await plain[Symbol.asyncDispose]()
  await secure[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

async function fetchFrom(
  server: FileServer,
  proxy: string | undefined,
  options: Partial<FetcherOptions> = {},
): Promise<Buffer | undefined> {
  const connection = { ca: ca.certificate, ...(proxy !== undefined && { proxy }) }
  await using fetcher = new HttpFetcher({
    baseUrl: server.url,
    connection,
    sleep: async () => undefined,
    ...options,
  })
  return await fetcher.fetch('object', { maxBytes: 100 })
}

async function failureOf(...args: Parameters<typeof fetchFrom>): Promise<Error> {
  const answer = await fetchFrom(...args).catch((error: unknown) => error)
  if (answer instanceof Error) return answer
  throw new Error('it did not fail')
}

test('HTTPS goes through a tunnel, plain HTTP is forwarded', async () => {
  await using proxy = await startTinyproxy()
  expect(await fetchFrom(secure, proxy.url)).toEqual(body)
  expect(proxy.log()).toMatch(/CONNECT 127\.0\.0\.1:\d+ HTTP/)
  expect(await fetchFrom(plain, proxy.url)).toEqual(body)
  expect(proxy.log()).toMatch(/GET http:\/\/127\.0\.0\.1:\d+\/object HTTP/)
})

test('many tunnels at once', async () => {
  await using proxy = await startTinyproxy()
  const connection = { ca: ca.certificate, proxy: proxy.url }
  await using fetcher = new HttpFetcher({ baseUrl: secure.url, connection })
  const fetched = Array.from({ length: 40 }, async () => fetcher.fetch('object', { maxBytes: 100 }))
  for (const one of fetched) expect(await one).toEqual(body)
})

test('the environment names proxies, and what goes round them', async () => {
  await using proxy = await startTinyproxy()
  const env = { HTTPS_PROXY: proxy.url }
  expect(await fetchFrom(secure, undefined, { env })).toEqual(body)
  const asked = proxy.log().match(/CONNECT 127/g)?.length
  expect(asked).toBeGreaterThan(0)
  for (const exempt of ['127.0.0.0/8', '*', `127.0.0.1:${new URL(secure.url).port}`]) {
    expect(await fetchFrom(secure, undefined, { env: { ...env, NO_PROXY: exempt } })).toEqual(body)
  }
  expect(await fetchFrom(secure, 'none', { env })).toEqual(body)
  expect(proxy.log().match(/CONNECT 127/g)?.length).toBe(asked)
})

test.each([['secure'], ['plain']] as const)('a proxy that wants a password: %s', async (kind) => {
  await using proxy = await startTinyproxy('me pa55w0rd')
  const server = kind === 'secure' ? secure : plain
  const withUser = (user: string): string => proxy.url.replace('://', `://${user}@`)
  expect(await fetchFrom(server, withUser('me:pa55w0rd'))).toEqual(body)
  expect(await failureOf(server, proxy.url)).toMatchObject({
    code: 'PROXY_REFUSED',
    message: `the proxy ${proxy.url} refuses ${new URL(server.url).origin} with status 407`,
    hint: expect.stringContaining('USER:PASSWORD') as string,
  })
  // What is forwarded may be the server's own 401.
  const error = await failureOf(server, withUser('me:wr0ng'))
  expect(error).toMatchObject(
    kind === 'secure'
      ? { code: 'PROXY_REFUSED', hint: expect.stringContaining('USER:PASSWORD') as string }
      : { code: 'SERVER_REFUSED', hint: expect.stringContaining(`the proxy ${proxy.url}`) as string },
  )
  expect(inspect(error, { depth: 10 })).not.toMatch(/wr0ng|d3Iwbmc/)
})

test('a proxy that is not there is named, without its password', async () => {
  const port = await freePort()
  const error = await failureOf(secure, `http://me:pa55w0rd@127.0.0.1:${port}`)
  expect(error).toMatchObject({
    code: 'SERVER_UNREACHABLE',
    message: expect.stringMatching(
      new RegExp(`ECONNREFUSED.*\\(through the proxy http://127.0.0.1:${port}\\)`),
    ) as string,
  })
  expect(inspect(error, { depth: 10 })).not.toMatch(/pa55w0rd|bWU6/)
})

test('a proxy that cannot reach the server is unreachable, not refusing', async () => {
  await using proxy = await startTinyproxy()
  const nobody = `https://127.0.0.1:${await freePort()}/`
  expect(await failureOf(secure, proxy.url, { baseUrl: nobody })).toMatchObject({
    code: 'SERVER_UNREACHABLE',
  })
})

test.each(['secure', 'plain'] as const)('a proxy that says nothing is not waited for: %s', async (kind) => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const options = { timeoutMs: 100, attempts: 1 }
  const error = await failureOf(kind === 'secure' ? secure : plain, `http://127.0.0.1:${port}`, options)
  expect(error).toMatchObject({ code: 'SERVER_UNREACHABLE' })
  silent.close()
})

test("a server's certificate is checked through a proxy, too", async () => {
  await using proxy = await startTinyproxy()
  const connection = { proxy: proxy.url }
  expect(await failureOf(secure, undefined, { connection })).toMatchObject({
    code: 'SERVER_CERTIFICATE_INVALID',
    message: expect.stringContaining(`through the proxy ${proxy.url}`) as string,
  })
})
