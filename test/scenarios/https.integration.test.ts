import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FileServer } from '../support/file-server.ts'
import { Scenario } from '../support/scenario.ts'
import { startTinyproxy } from '../support/tinyproxy.ts'
import { served, TlsAuthority, type CertifiedPair } from '../support/tls-authority.ts'
import { noise } from '../support/tree-recipe.ts'

let world: Scenario
let ca: TlsAuthority
let pair: CertifiedPair
let machine: CertifiedPair

beforeAll(async () => {
  world = await Scenario.create()
  await world.release(10, { base: (tree) => tree.file('lib/a', noise(1, 300_000)) })
  ca = new TlsAuthority(world.directory, 'ca')
  pair = ca.issue('server', 'IP:127.0.0.1')
  machine = ca.issue('machine', 'DNS:machine.test')
})
afterAll(async () => world[Symbol.asyncDispose]())

test('a machine with a certificate updates through a proxy with a password, past a mirror with a bad certificate', async () => {
  const wanted = { requestCert: true, rejectUnauthorized: true, ca: readFileSync(ca.certificate) }
  await using good = await FileServer.start(world.repository, { ...served(pair), ...wanted })
  await using bad = await FileServer.start(
    world.repository,
    served(ca.issue('elsewhere', 'DNS:elsewhere.test')),
  )
  await using proxy = await startTinyproxy('me pa55w0rd')
  const device = await world.machine({
    url: bad.url,
    connection: {
      mirrors: [good.url],
      ca: ca.certificate,
      clientCertificate: machine.certificate,
      clientKey: machine.key,
      proxy: proxy.url.replace('://', '://me:pa55w0rd@'),
    },
  })
  const result = await device.update()
  device.expectRelease(10)
  expect(result.mirrors).toMatchObject({
    used: good.url,
    left: [{ url: bad.url, code: 'SERVER_CERTIFICATE_INVALID' }],
  })
  expect(bad.requests).toEqual([])
  const { port } = new URL(good.url)
  expect(proxy.log()).toContain(`CONNECT 127.0.0.1:${port}`)
  expect(await device.open().check()).toMatchObject({ move: false })
})
