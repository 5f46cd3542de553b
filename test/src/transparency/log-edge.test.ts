import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { digestFromBytes } from '../../../manifests/digest.ts'
import { LogEdge } from '../../../src/transparency/log-edge.ts'
import { LogTree } from '../../../src/transparency/log-tree.ts'
import { entriesUpTo, MemoryLog, naiveRoot } from './naive-tree.ts'

const origin = 'test.example/log'
const entries = entriesUpTo(1100)

test('a log that grows in any steps, each from what lies there, is the same log', async () => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(254, 255, 256, 257, 300)), {
    maxLength: 4,
  })
  await fc.assert(
    fc.asyncProperty(steps, async (counts) => {
      const log = new MemoryLog()
      for (const count of counts) {
        log.edge = await LogEdge.read(log.edge.head(origin), log.read)
        log.append(entries.slice(log.edge.size, log.edge.size + count))
      }
      const { size } = log.edge
      expect(log.edge.head(origin).root).toEqual(digestFromBytes(naiveRoot(entries.slice(0, size))))
      const whole = new MemoryLog().append(entries.slice(0, size)).objects
      for (const [path, bytes] of whole) expect(log.objects.get(path)).toEqual(bytes)
      const root = await new LogTree(size, log.read).hash(0, size)
      expect(digestFromBytes(root)).toEqual(log.edge.head(origin).root)
    }),
    { numRuns: 30 },
  )
})

test('the edge of a log of three levels is read in four requests', async () => {
  const log = new MemoryLog()
  const count = 65_536 + 256 + 1
  const many = Array.from({ length: count }, (_, i) => Buffer.from(String(i)))
  log.append(many)
  const head = log.edge.head(origin)
  const edge = await LogEdge.read(head, log.read)
  expect(log.reads).toBe(4)
  expect(edge.head(origin)).toEqual(head)
  expect([...log.objects.keys()].filter((path) => path.includes('.p/'))).toEqual([
    'tile/entries/257.p/1',
    'tile/0/257.p/1',
    'tile/1/001.p/1',
    'tile/2/000.p/1',
  ])
  expect(log.objects.get('tile/1/000')?.length).toBe(8192)
})

test('what does not lead to the signed root is refused, by name', async () => {
  const spoil: readonly [string, (log: MemoryLog) => void, RegExp][] = [
    ['a changed hash', (log) => flip(log, 'tile/0/001.p/44'), /do not lead to its signed root at 300/],
    [
      'a changed entry',
      (log) => flip(log, 'tile/entries/001.p/44'),
      /log\/tile\/entries\/001\.p\/44 is damaged/,
    ],
    ['a missing tile', (log) => log.objects.delete('tile/1/000.p/1'), /log\/tile\/1\/000\.p\/1 is missing/],
    [
      'a missing bundle',
      (log) => log.objects.delete('tile/entries/001.p/44'),
      /entries\/001\.p\/44 is missing/,
    ],
    ['a tile cut short', (log) => cut(log, 'tile/0/001.p/44'), /tile\/0\/001\.p\/44 is damaged/],
  ]
  for (const [name, change, message] of spoil) {
    const log = new MemoryLog().append(entries.slice(0, 300))
    const head = log.edge.head(origin)
    change(log)
    await expect(LogEdge.read(head, log.read), name).rejects.toThrow(message)
  }
})

function flip(log: MemoryLog, path: string): void {
  const bytes = Buffer.from(log.objects.get(path) ?? '')
  bytes[40] = (bytes[40] ?? 0) ^ 1
  log.objects.set(path, bytes)
}

function cut(log: MemoryLog, path: string): void {
  log.objects.set(path, (log.objects.get(path) ?? Buffer.of()).subarray(0, -1))
}
