import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Digest } from '../../../manifests/digest.ts'
import { FilesystemStore } from '../../../storage/filesystem-store.ts'
import { buildPackApart } from '../../../src/cli/packing/build-pack-apart.ts'
import type { BuildPack } from '../../../src/delivery/pack-requests.ts'
import { packKey } from '../../../src/repository/layout.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import { Repository } from '../../../src/repository/repository.ts'
import { startServer, type RunningServer } from '../../../src/server/start-server.ts'
import { counterStream } from '../../support/byte-recipes.ts'
import { httpGet, type Answer } from './http-get.ts'
import { bytesOf, PublishedRepository } from './published-repository.ts'

let directory: string
let store: FilesystemStore
let published: PublishedRepository
let server: RunningServer
let port: number
let builds = 0
let [first, second]: (Digest | undefined)[] = []

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vend-packs-'))
  store = new FilesystemStore(directory)
  published = await PublishedRepository.create(store)
  const content = counterStream('packs', 3_000_000)
  const changed = Buffer.concat([
    content.subarray(0, 1_000_000),
    Buffer.from('!'),
    content.subarray(1_000_000),
  ])
  await published.publish(1, { base: [['usr/lib/large', content]] })
  await published.publish(2, { base: [['usr/lib/large', changed]] })
  const repository = new Repository(store, await loadState(store))
  ;[first, second] = await Promise.all(
    [1, 2].map(async (version) => (await repository.release(version)).modules['base']?.manifest.digest),
  )
  const build: BuildPack = async (...order) => {
    builds++
    return buildPackApart(`file://${directory}`, { env: process.env, threads: 1 })(...order)
  }
  const logger = pino({ level: 'silent' })
  server = await startServer({ store, logger, listen: { host: '127.0.0.1', port: 0 }, packs: { build } })
  port = Number(new URL(server.url).port)
})

afterAll(async () => {
  await server.close()
  await published[Symbol.asyncDispose]()
  await rm(directory, { recursive: true, force: true })
})

test('500 clients who ask at once have one pack built, and are answered while it is', async () => {
  const key = packKey(first, second ?? expect.fail())
  const latencies: number[] = []
  const ask = async (): Promise<Answer> => {
    const began = performance.now()
    const answer = await httpGet({ port, path: `/${key}` })
    latencies.push(performance.now() - began)
    return answer
  }
  const answers = await Promise.all(Array.from({ length: 500 }, ask))
  say(`500 at once for a pack that is not there: ${describe(latencies)}`)
  for (const { status, json, headers } of answers) {
    expect([status, json['code']]).toEqual([404, 'PACK_BEING_BUILT'])
    expect(headers).toMatchObject({ 'cache-control': 'public, max-age=5', 'retry-after': '10' })
  }
  await expect.poll(async () => (await ask()).status, { timeout: 60_000, interval: 100 }).toBe(200)
  expect(builds).toBe(1)

  const bytes = await bytesOf(store, key)
  const { headers, body } = await ask()
  expect(body.equals(bytes)).toBe(true)
  // The release differs in one chunk or two of 3 MB.
  expect(bytes.length).toBeLessThan(500_000)
  expect(headers['cache-control']).toBe('public, max-age=31536000, immutable')
  expect(headers['etag']).toMatch(/^"[0-9a-f]+"$/)
  const part = await httpGet({ port, path: `/${key}`, headers: { Range: 'bytes=8-99' } })
  expect([part.status, part.body.equals(bytes.subarray(8, 100))]).toEqual([206, true])
  expect(part.headers).toMatchObject({ etag: headers['etag'], 'accept-ranges': 'bytes' })
  expect(builds).toBe(1)
})

test('100,000 made-up pairs build nothing and leave nothing in memory', async () => {
  const before = builds
  await flood(5000)
  const heapBefore = heapBytes()
  await flood(100_000)
  const grown = heapBytes() - heapBefore
  say(`100,000 made-up pairs: the heap grew by ${(grown / 1e6).toFixed(2)} MB`)
  // Their names alone would be 14 MB.
  expect(grown).toBeLessThan(5e6)
  expect(builds).toBe(before)
})

const connections = 20
const pipelined = 100

/** Half name a manifest that a release has. All must be answered with 404. */
async function flood(count: number): Promise<void> {
  const known = second?.slice(7) ?? expect.fail()
  const request = (i: number): string => {
    const to = i % 2 === 0 ? known : randomBytes(32).toString('hex')
    return `GET /packs/${to}/${randomBytes(32).toString('hex')}.pack HTTP/1.1\r\nHost: x\r\n\r\n`
  }
  const each = count / connections
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect(port, '127.0.0.1').setEncoding('latin1')
      let [sent, answered, rest] = [0, 0, '']
      const more = (): void => {
        const batch = Array.from({ length: Math.min(pipelined, each - sent) }, (_, i) => request(i))
        sent += batch.length
        socket.write(batch.join(''))
      }
      more()
      for await (const text of socket as AsyncIterable<string>) {
        // The last part may be the beginning of the next.
        const parts = (rest + text).split('"code":"PACK_UNKNOWN"')
        answered += parts.length - 1
        rest = parts.at(-1)?.slice(-30) ?? ''
        if (answered === each) break
        if (answered === sent) more()
      }
      expect(answered).toBe(each)
    }),
  )
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

function describe(latencies: readonly number[]): string {
  const sorted = latencies.toSorted((a, b) => a - b)
  const at = (share: number): string => `${sorted[Math.floor(sorted.length * share)]?.toFixed(1)} ms`
  return `p50 ${at(0.5)}, p99 ${at(0.99)}`
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
