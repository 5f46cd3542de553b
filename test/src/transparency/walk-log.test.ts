import { expect, test } from 'vitest'
import { parseDigest } from '../../../manifests/digest.ts'
import { LogEdge } from '../../../src/transparency/log-edge.ts'
import type { LogHead } from '../../../src/transparency/log-head.ts'
import type { ReadObject } from '../../../src/transparency/read-object.ts'
import { LogWalk, type WalkOptions } from '../../../src/transparency/walk-log.ts'

interface Log {
  readonly head: LogHead
  readonly objects: ReadonlyMap<string, Buffer>
}

function logOf(size: number): Log {
  const edge = LogEdge.empty()
  const objects = new Map<string, Buffer>()
  for (let i = 0; i < size; i++)
    for (const { path, bytes } of edge.append(Buffer.from(`entry ${i}`))) objects.set(path, bytes)
  for (const { path, bytes } of edge.partialObjects()) objects.set(path, bytes)
  return { head: edge.head('log'), objects }
}

interface Walked {
  readonly entries: number
  readonly reads: number
  readonly problems: readonly string[]
}

async function walk(head: LogHead, read: ReadObject, options?: WalkOptions): Promise<Walked> {
  let reads = 0
  let entries = 0
  const counting: ReadObject = async (path, maxBytes) => {
    reads++
    return read(path, maxBytes)
  }
  const walking = new LogWalk(head, counting, options)
  for await (const walked of walking.entries()) entries += walked.entries.length
  return { entries, reads, problems: walking.findings.map(({ what, problem }) => `${what} ${problem}`) }
}

const inventedHead: LogHead = {
  origin: 'log',
  size: Number.MAX_SAFE_INTEGER,
  root: parseDigest(`sha256:${'7'.repeat(64)}`),
}

test('a log is read to its head', async () => {
  const { head, objects } = logOf(700)
  const read: ReadObject = async (path) => Promise.resolve(objects.get(path))
  expect(await walk(head, read)).toEqual({ entries: 700, reads: 7, problems: [] })
})

test('a log that is not there is given up after a bounded number of requests, whatever its head says', async () => {
  const nothing: ReadObject = async () => Promise.resolve(undefined)
  const { reads, problems } = await walk(inventedHead, nothing)
  expect(reads).toBeLessThanOrEqual(1002)
  expect(problems.at(-1)).toContain(`of ${Number.MAX_SAFE_INTEGER} only: too much of it is missing or wrong`)
})

test('so is one whose tiles are not those of its entries', async () => {
  const { objects } = logOf(256)
  const bundle = objects.get('tile/entries/000')
  const read: ReadObject = async (path) =>
    Promise.resolve(path.startsWith('tile/entries/') ? bundle : Buffer.alloc(256 * 32))
  const { reads, problems } = await walk(inventedHead, read)
  expect(reads).toBeLessThan(3000)
  expect(problems.at(-1)).toContain('too much of it is missing or wrong')
})

test('one that goes on for ever, and is right in itself, is read no further than it is told', async () => {
  const { objects } = logOf(256)
  const [bundle, tile] = [objects.get('tile/entries/000'), objects.get('tile/0/000')]
  const read: ReadObject = async (path) => {
    if (path.startsWith('tile/entries/')) return Promise.resolve(bundle)
    return Promise.resolve(path.startsWith('tile/0/') ? tile : undefined)
  }
  const { entries, problems } = await walk(inventedHead, read, { maxEntries: 2560 })
  expect(entries).toBe(2560)
  expect(problems).toEqual([
    `the log was read to entry 2560 of ${Number.MAX_SAFE_INTEGER} only: it is longer than is to be believed`,
  ])
})

test('no object is asked for more bytes than its declared width has', async () => {
  const limits = new Map<string, number>()
  const { head, objects } = logOf(300)
  await walk(head, async (path, maxBytes) => {
    limits.set(path, maxBytes)
    return Promise.resolve(objects.get(path))
  })
  expect(limits.get('tile/0/000')).toBe(256 * 32)
  expect(limits.get('tile/0/001.p/44')).toBe(44 * 32)
  expect(limits.get('tile/1/000.p/1')).toBe(32)
})
