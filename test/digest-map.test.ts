import * as fc from 'fast-check'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { digestFromBytes, digestOf, type Digest } from '../manifests/digest.ts'
import { DigestMap } from '../src/digest-map.ts'

function digest(number: number): Digest {
  return digestOf(Buffer.from(String(number)))
}

/** Digests that meet in one place of the table, which those of SHA-256 seldom do. */
function colliding(number: number): Digest {
  const bytes = Buffer.alloc(32)
  bytes.writeUInt32LE(number % 3, 0)
  bytes.writeUInt32LE(number, 28)
  return digestFromBytes(bytes)
}

test('is a map, whatever is added in whatever order', () => {
  const key = fc
    .tuple(fc.boolean(), fc.nat(500))
    .map(([collides, n]) => (collides ? colliding(n) : digest(n)))
  const additions = fc.array(fc.tuple(key, fc.nat(2 ** 40)), { maxLength: 3000, size: 'max' })
  fc.assert(
    fc.property(additions, key, (added, other) => {
      const [map, model] = [new DigestMap(), new Map<Digest, number>()]
      for (const [name, value] of added) {
        expect(map.add(name, value)).toBe(!model.has(name))
        if (!model.has(name)) model.set(name, value)
      }
      expect(map.size).toBe(model.size)
      for (const [name, value] of model) expect(map.get(name)).toBe(value)
      expect([map.get(other), map.has(other)]).toEqual([model.get(other), model.has(other)])
    }),
    { numRuns: 30 },
  )
})

test('grows far beyond its first size, and holds large numbers', () => {
  const map = new DigestMap()
  for (let i = 0; i < 20_000; i++) expect(map.add(digest(i), i * 2 ** 35)).toBe(true)
  expect(map.size).toBe(20_000)
  for (let i = 0; i < 20_000; i++) expect(map.get(digest(i))).toBe(i * 2 ** 35)
  expect(map.get(digest(20_000))).toBeUndefined()
  expect(map.add(digest(5), 1)).toBe(false)
})

test('0 is a value like any other', () => {
  const map = new DigestMap()
  map.add(digest(1), 0)
  map.add(digest(2))
  expect([map.get(digest(1)), map.get(digest(2)), map.get(digest(3))]).toEqual([0, 0, undefined])
})

test('another thread reads it', async () => {
  const map = new DigestMap()
  for (let i = 0; i < 3000; i++) map.add(digest(i), i)
  const code = `
    const { parentPort, workerData } = await import('node:worker_threads')
    const { DigestMap } = await import(${JSON.stringify(new URL('../src/digest-map.ts', import.meta.url).href)})
    const map = new DigestMap(workerData.shared)
    parentPort.postMessage(workerData.digests.map((digest) => map.get(digest)))`
  const digests = [0, 1, 2999, 3000].map(digest)
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
    workerData: { shared: map.share(), digests },
  })
  const found = await new Promise((resolve, reject) => {
    worker.once('message', resolve).once('error', reject)
  })
  await worker.terminate()
  expect(found).toEqual([0, 1, 2999, undefined])
})
