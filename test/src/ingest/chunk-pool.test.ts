import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { decodeChunk } from '../../../src/chunking/chunk-codec.ts'
import { defaultProfile } from '../../../src/chunking/profile.ts'
import { DigestMap } from '../../../src/digest-map.ts'
import type { CutChunk } from '../../../src/ingest/chunk-messages.ts'
import { ChunkPool } from '../../../src/ingest/chunk-pool.ts'
import { noise } from '../../support/tree-recipe.ts'

function pool(known = new DigestMap(), threads = 2): ChunkPool {
  return new ChunkPool({ profile: defaultProfile, known, threads })
}

function bytes(seed: number, length: number): { kind: 'bytes'; plain: Uint8Array<ArrayBuffer> } {
  return { kind: 'bytes', plain: Uint8Array.from(noise(seed, length)) }
}

test('makes a chunk of bytes, and none of one that is known', async () => {
  const known = new DigestMap()
  known.add(digestOf(noise(2, 1000)))
  await using threads = pool(known)
  const chunks: CutChunk[] = []
  expect(await threads.run(bytes(1, 1000), (chunk) => chunks.push(chunk))).toBe(digestOf(noise(1, 1000)))
  expect(await threads.run(bytes(2, 1000), (chunk) => chunks.push(chunk))).toBe(digestOf(noise(2, 1000)))
  const [made, unneeded] = chunks
  if (made?.stored === undefined) throw new Error('a chunk without bytes')
  expect((await decodeChunk(made.stored, made)).equals(noise(1, 1000))).toBe(true)
  expect(unneeded).toEqual({ digest: digestOf(noise(2, 1000)), size: 1000 })
  threads.release(made.stored.length)
})

test('threads wait while the store takes nothing', async () => {
  await using threads = pool()
  const limit = 32 << 20
  const waiting: number[] = []
  let storing = false
  const runs = Promise.all(
    Array.from({ length: 48 }, async (_, i) =>
      threads.run(bytes(i, 1 << 20), ({ stored }) => {
        if (storing) threads.release(stored?.length ?? 0)
        else waiting.push(stored?.length ?? 0)
      }),
    ),
  )
  for (let seen = -1; seen < waiting.length; await sleep(100)) seen = waiting.length
  const bytesWaiting = waiting.reduce((sum, length) => sum + length, 0)
  expect(bytesWaiting).toBeGreaterThanOrEqual(limit)
  expect(bytesWaiting).toBeLessThan(limit + threads.threads * (2 << 20))
  storing = true
  for (const length of waiting) threads.release(length)
  expect(await runs).toHaveLength(48)
})

test('a task that fails says how, and the thread goes on', async () => {
  await using threads = pool(new DigestMap(), 1)
  const file = { tree: '/nowhere', path: 'x', size: 10 }
  const failing = threads.run({ kind: 'file', fd: 1_000_000, file }, () => undefined)
  await expect(failing).rejects.toMatchObject({
    name: 'ChunkTaskError',
    code: expect.stringMatching(/^[A-Z_]+$/) as string,
  })
  expect(await threads.run(bytes(1, 10), () => undefined)).toBe(digestOf(noise(1, 10)))
})

test('every task settles when the pool is closed', async () => {
  const threads = pool()
  const runs = Array.from({ length: 20 }, async (_, i) => threads.run(bytes(i, 1 << 20), () => undefined))
  const settled = Promise.allSettled(runs)
  await threads[Symbol.asyncDispose]()
  const codes = (await settled).flatMap((result) =>
    result.status === 'rejected' ? [result.reason as { code: string }] : [],
  )
  expect(codes.length).toBeGreaterThan(10)
  for (const { code } of codes) expect(code).toBe('ABORTED')
})

test('every task settles when a thread dies, and later ones fail at once', async () => {
  const deadly = { share: () => ({}) } as unknown as DigestMap
  await using threads = pool(deadly)
  const runs = Array.from({ length: 5 }, async (_, i) => threads.run(bytes(i, 100), () => undefined))
  for (const result of await Promise.allSettled(runs)) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'CHUNKING_FAILED' } })
  }
  await expect(threads.run(bytes(1, 100), () => undefined)).rejects.toMatchObject({ code: 'CHUNKING_FAILED' })
})
