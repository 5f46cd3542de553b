import { expect, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import type { ChunkRef } from '../../../manifests/manifest.ts'
import { ContentIndex } from '../../../src/ingest/content-index.ts'
import { StreamLayout } from '../../../src/ingest/stream-layout.ts'
import { seededRandom } from '../../support/faulty-store.ts'

function chunk(name: string, size: number): ChunkRef {
  return { digest: digestOf(Buffer.from(name)), size }
}

/** Five segments, of which the third has the content of the first and the fifth is a group. */
function layOut(order: readonly number[]): { layout: StreamLayout; offsets: number[] } {
  const layout = new StreamLayout()
  const contents = [
    { name: 'large', chunks: [chunk('a', 100), chunk('b', 50)] },
    { name: undefined, chunks: [chunk('group', 30)] },
    { name: 'large', chunks: [chunk('a', 100), chunk('b', 50)] },
    { name: 'other', chunks: [chunk('a', 100), chunk('c', 20)] },
    { name: undefined, chunks: [chunk('group', 30)] },
  ]
  const segments = contents.map(() => layout.open())
  for (const i of order) {
    const [segment, content] = [segments[i], contents[i]]
    if (segment === undefined || content === undefined) throw new RangeError('no such segment')
    segment.chunks.push(...content.chunks)
    layout.complete(segment, content.name === undefined ? undefined : digestOf(Buffer.from(content.name)))
  }
  return { layout, offsets: segments.map(({ offset }) => offset) }
}

test('the stream is the same in whatever order its segments become complete', () => {
  const random = seededRandom(1)
  const expected = layOut([0, 1, 2, 3, 4])
  for (let run = 0; run < 50; run++) {
    const order = [0, 1, 2, 3, 4].map((i) => [random(), i] as const).sort(([a], [b]) => a - b)
    const { layout, offsets } = layOut(order.map(([, i]) => i))
    expect(offsets).toEqual(expected.offsets)
    expect(layout.chunkTable).toEqual(expected.layout.chunkTable)
  }
})

test('an equal large content takes no place of its own', () => {
  const { layout, offsets } = layOut([4, 3, 2, 1, 0])
  expect(offsets).toEqual([0, 150, 0, 180, 300])
  expect(layout.contentBytes).toBe(330)
  expect(layout.chunkTable.map(({ size }) => size)).toEqual([100, 50, 30, 100, 20, 30])
})

test('what is not complete holds back what follows', () => {
  const layout = new StreamLayout()
  const [first, second] = [layout.open(), layout.open()]
  second.chunks.push(chunk('x', 5))
  layout.complete(second)
  expect(layout.chunkTable).toEqual([])
  first.chunks.push(chunk('y', 7))
  layout.complete(first)
  expect([first.offset, second.offset, layout.contentBytes]).toEqual([0, 7, 12])
})

test('an index finds every file again, also the thousandth', () => {
  const index = new ContentIndex()
  const layout = new StreamLayout()
  const files = 2500
  const segments = Array.from({ length: files / 5 }, () => layout.open())
  for (let i = 0; i < files; i++) {
    const segment = segments[Math.floor(i / 5)]
    if (segment === undefined) throw new RangeError('no such segment')
    if (i % 100 === 99) index.addSame(i - 3)
    else if (i % 2 === 0) index.setDigest(index.add(segment, i % 5), digestOf(Buffer.from(String(i))))
    else index.add(segment, i % 5, digestOf(Buffer.from(String(i))))
  }
  for (const [i, segment] of segments.entries()) segment.offset = i * 1000
  for (let i = 0; i < files; i++) {
    const named = i % 100 === 99 ? i - 3 : i
    expect(index.placeOf(i)).toEqual({
      digest: digestOf(Buffer.from(String(named))),
      offset: Math.floor(named / 5) * 1000 + (named % 5),
    })
  }
})
