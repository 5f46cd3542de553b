import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { batchesOf } from '../../../src/delivery/pack-batches.ts'
import type { ContentTask } from '../../../src/delivery/pack-messages.ts'

const limit = 512 << 20

const digest = digestOf(Buffer.alloc(0))

function task(size: number, position: number): ContentTask {
  return { what: 'content', target: { path: '', position, size, digest }, candidates: [] }
}

test('batches hold all contents in their order, none more than a batch may but one that is larger alone', () => {
  const sizes = fc.array(
    fc.oneof(fc.integer({ min: 1, max: limit / 4 }), fc.constantFrom(limit, limit + 1, 2 * limit)),
  )
  fc.assert(
    fc.property(sizes, (all) => {
      const tasks = all.map(task)
      const batches = [...batchesOf(tasks)]
      expect(batches.flat()).toEqual(tasks)
      const totals = batches.map((batch) => batch.reduce((sum, { target }) => sum + target.size, 0))
      for (const [index, batch] of batches.entries()) {
        expect(batch.length).toBeGreaterThan(0)
        if (batch.length > 1) expect(totals[index]).toBeLessThanOrEqual(limit)
        const next = batches[index + 1]?.[0]
        if (next !== undefined) expect((totals[index] as number) + next.target.size).toBeGreaterThan(limit)
      }
    }),
  )
})
