import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { DirectoryTier } from '../../src/server/object-cache-directory.ts'
import { ObjectCache } from '../../src/server/object-cache.ts'
import { noise } from './tree-recipe.ts'

// One of several front ends that share a directory: cache-process.ts REPOSITORY DIRECTORY MAX-BYTES OBJECTS BYTES. Reads
// objects `k0`, `k1` … without end, through caches that begin anew, and ends with 1 when one is not what it should be.

const [repository = '', directory = '', maxBytes, objects, bytes] = process.argv.slice(2)
const store = new FilesystemStore(repository)
const right = Array.from({ length: Number(objects) }, (_, i) => noise(i, Number(bytes)))
const outcomes = { store: 0, directory: 0 }

const onFailure = (error: unknown): never => {
  throw error
}
const tier = new DirectoryTier({ directory, maxBytes: Number(maxBytes), storeName: store.name, onFailure })
const onRead = (outcome: string): void => {
  if (outcome === 'store' || outcome === 'directory') outcomes[outcome]++
}

function begin(): ObjectCache {
  return new ObjectCache(store, {
    maxBytes: 16 * Number(bytes),
    isImmutable: () => true,
    directory: tier,
    now: () => performance.now(),
    onRead,
  })
}

for (let round = 0; ; round++) {
  const cache = begin()
  for (let i = 0; i < 10; i++) {
    const index = Math.floor(Math.random() * right.length)
    const { stream } = await cache.get(`k${index}`)
    const pieces: Buffer[] = []
    for await (const piece of stream as AsyncIterable<Buffer>) pieces.push(piece)
    if (!Buffer.concat(pieces).equals(right[index] ?? Buffer.alloc(0))) process.exit(1)
  }
  if (round % 10 === 0) process.send?.(outcomes)
}
