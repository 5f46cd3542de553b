import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Scenario, type Device } from '../support/scenario.ts'
import { Served } from '../src/server/served.ts'

// What it costs a fleet to ask: two requests, since the specification (§5.3) asks for the next root first, and less than
// 2 kB of bodies in both.

const mostRequests = 2
const mostBytes = 2000

let scenario: Scenario
let device: Device

beforeAll(async () => {
  scenario = await Scenario.create()
  for (let version = 1; version <= 2; version++) {
    await scenario.release(version, { base: (tree) => tree.file('version', String(version)) })
  }
  device = await scenario.machine()
  await device.update()
})
afterAll(async () => scenario[Symbol.asyncDispose]())

/** Passes requests on, and counts them and the bytes of the bodies that come back. */
async function countThrough(
  target: string,
  work: (url: string) => Promise<unknown>,
): Promise<[number, number]> {
  let [requests, bytes] = [0, 0]
  const proxy = createServer((incoming, outgoing) => {
    requests++
    const { url = '/', headers } = incoming
    request(new URL(url, target), { headers }, (answer) => {
      answer.on('data', (piece: Buffer) => (bytes += piece.length))
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(outgoing)
    }).end()
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  await work(`http://127.0.0.1:${(proxy.address() as AddressInfo).port}/`)
  proxy.closeAllConnections()
  proxy.close()
  return [requests, bytes]
}

async function checkBy(url: string): Promise<void> {
  const machine = device.open()
  machine.setConnection(url, undefined)
  const result = await machine.check()
  expect(result).toMatchObject({ move: false, installed: 2 })
  expect(result.requests).toBeLessThanOrEqual(mostRequests)
  expect(result.bytes).toBeLessThan(mostBytes)
}

test('the check of a machine that is up to date takes two requests and less than 2 kB, from a static server', async () => {
  const { url } = await scenario.serve()
  const [requests, bytes] = await countThrough(url, checkBy)
  expect(requests).toBeLessThanOrEqual(mostRequests)
  expect(bytes).toBeGreaterThan(0)
  expect(bytes).toBeLessThan(mostBytes)
})

test('the check of a machine that is up to date takes two requests and less than 2 kB, from our server', async () => {
  await using served = await Served.start({ store: scenario.store })
  const [requests, bytes] = await countThrough(`${served.server.url}/`, checkBy)
  expect(requests).toBeLessThanOrEqual(mostRequests)
  expect(bytes).toBeGreaterThan(0)
  expect(bytes).toBeLessThan(mostBytes)
})
