import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerOptions } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ConnectionSettings } from '../../../src/client/connection-settings.ts'
import { HttpFetcher } from '../../../src/client/http-fetcher.ts'
import { FileServer } from '../../support/file-server.ts'
import { served, TlsAuthority, type CertifiedPair } from '../../support/tls-authority.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-https-'))
const body = Buffer.from('a chunk')
let ca: TlsAuthority
let stranger: TlsAuthority
let good: CertifiedPair
let me: CertifiedPair

beforeAll(() => {
  mkdirSync(join(directory, 'files'))
  writeFileSync(join(directory, 'files/object'), body)
  ca = new TlsAuthority(directory, 'ca')
  stranger = new TlsAuthority(directory, 'stranger')
  good = ca.issue('good', 'IP:127.0.0.1,DNS:localhost')
  me = ca.issue('me', 'DNS:machine.test')
})
afterAll(() => rmSync(directory, { recursive: true }))

async function serve(tls: ServerOptions): Promise<FileServer> {
  return FileServer.start(join(directory, 'files'), tls)
}

async function fetchFrom(baseUrl: string, connection: ConnectionSettings): Promise<Buffer | undefined> {
  await using fetcher = new HttpFetcher({ baseUrl, connection, sleep: async () => undefined })
  return await fetcher.fetch('object', { maxBytes: 100 })
}

function clientPair({ certificate, key }: CertifiedPair): ConnectionSettings {
  return { ca: ca.certificate, clientCertificate: certificate, clientKey: key }
}

test('a server whose authority is in the CA file is spoken to', async () => {
  await using server = await serve(served(good))
  expect(await fetchFrom(server.url, { ca: ca.certificate })).toEqual(body)
  expect(await fetchFrom(server.url.replace('127.0.0.1', 'localhost'), { ca: ca.certificate })).toEqual(body)
})

test.each([
  ['without a CA file', () => ({}), () => good, /nobody this machine trusts/, /--ca FILE/],
  [
    'with another CA file',
    () => ({ ca: stranger.certificate }),
    () => good,
    /nobody this machine trusts/,
    /--ca FILE/,
  ],
  [
    'for another host',
    () => ({ ca: ca.certificate }),
    () => ca.issue('other', 'DNS:elsewhere.test'),
    /another host than 127\.0\.0\.1/,
    /name that the certificate has/,
  ],
  [
    'that has expired',
    () => ({ ca: ca.certificate }),
    () => ca.issue('old', 'IP:127.0.0.1', -1),
    /has expired/,
    /clock/,
  ],
] as const)(
  'a certificate %s is refused at once, with the way out',
  async (_, settings, pair, message, hint) => {
    await using server = await serve(served(pair()))
    await expect(fetchFrom(server.url, settings())).rejects.toMatchObject({
      code: 'SERVER_CERTIFICATE_INVALID',
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(hint) as string,
    })
    expect(server.requests).toEqual([])
  },
)

test('a server that wants a certificate of the client gets it', async () => {
  const wanted = {
    requestCert: true,
    rejectUnauthorized: true,
    ca: served({ ...me, certificate: ca.certificate }).cert,
  }
  await using server = await serve({ ...served(good), ...wanted })
  expect(await fetchFrom(server.url, clientPair(me))).toEqual(body)
})

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a server of %s that wants a certificate of the client and gets none says so',
  async (version) => {
    const caFile = served({ ...me, certificate: ca.certificate }).cert
    const wanted = { requestCert: true, rejectUnauthorized: true, ca: caFile, maxVersion: version }
    await using server = await serve({ ...served(good), ...wanted })
    await expect(fetchFrom(server.url, { ca: ca.certificate })).rejects.toMatchObject({
      code: 'CLIENT_CERTIFICATE_REFUSED',
      hint: expect.stringContaining('--client-certificate FILE') as string,
    })
    expect(server.requests).toEqual([])
  },
)

test('nobody whom a server sends on to is shown the certificate', async () => {
  const caFile = served({ ...me, certificate: ca.certificate }).cert
  const wanted = { requestCert: true, rejectUnauthorized: true, ca: caFile }
  await using other = await serve({ ...served(good), ...wanted })
  await using server = await serve(served(good))
  server.fault = () => ({ kind: 'status', status: 302, headers: { location: `${other.url}object` } })
  await expect(fetchFrom(server.url, clientPair(me))).rejects.toMatchObject({
    code: 'CLIENT_CERTIFICATE_REFUSED',
  })
  expect(other.requests).toEqual([])
})

test('nobody is followed from HTTPS to plain HTTP', async () => {
  await using other = await FileServer.start(join(directory, 'files'))
  await using server = await serve(served(good))
  server.fault = () => ({ kind: 'status', status: 307, headers: { location: `${other.url}object` } })
  await expect(fetchFrom(server.url, { ca: ca.certificate })).rejects.toMatchObject({
    code: 'SERVER_REFUSED',
    message: expect.stringContaining('redirects away from HTTPS') as string,
  })
  expect(other.requests).toEqual([])
})

test('a port that speaks no TLS is named', async () => {
  await using server = await FileServer.start(join(directory, 'files'))
  await expect(
    fetchFrom(server.url.replace('http:', 'https:'), { ca: ca.certificate }),
  ).rejects.toMatchObject({ code: 'SERVER_REFUSED', message: expect.stringContaining('TLS') as string })
})

test('files are read again by each run', async () => {
  const pair = { certificate: join(directory, 'live.crt'), key: join(directory, 'live.key') }
  const settings = clientPair(pair)
  expect(() => new HttpFetcher({ baseUrl: 'https://x.test/', connection: settings })).toThrow(
    /live\.crt is not there/,
  )
  writeFileSync(pair.certificate, served(me).cert)
  writeFileSync(pair.key, served(me).key)
  const caFile = served({ ...me, certificate: ca.certificate }).cert
  await using server = await serve({
    ...served(good),
    requestCert: true,
    rejectUnauthorized: true,
    ca: caFile,
  })
  expect(await fetchFrom(server.url, settings)).toEqual(body)
})
