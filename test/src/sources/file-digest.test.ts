import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { noXattrs } from '../../../manifests/entry.ts'
import { rootPath } from '../../../manifests/tree-path.ts'
import { FileDigest } from '../../../src/sources/file-digest.ts'
import { noise } from '../../support/tree-recipe.ts'

const metadata = { mode: 0, uid: 0, gid: 0, mtime: { seconds: 0, nanos: 0 }, xattrs: noXattrs }

it('digests a file with its holes, however its content comes', () => {
  const runs = fc.array(fc.tuple(fc.integer({ min: 1, max: 700 }), fc.integer({ min: 1, max: 700 })), {
    maxLength: 6,
  })
  fc.assert(
    fc.property(runs, fc.nat(600), fc.integer({ min: 1, max: 900 }), (pairs, tail, step) => {
      const data: [number, number][] = []
      let end = 0
      for (const [hole, length] of pairs) {
        data.push([end + hole, length])
        end += hole + length
      }
      const file = Buffer.alloc(end + tail + 1)
      const content = noise(
        step,
        pairs.reduce((sum, [, length]) => sum + length, 0),
      )
      let from = 0
      for (const [offset, length] of data) {
        content.copy(file, offset, from, from + length)
        from += length
      }
      const sparse = { size: file.length, data }
      const digest = new FileDigest('sha256', {
        type: 'file',
        path: rootPath,
        ...metadata,
        size: content.length,
        sparse,
      })
      for (let at = 0; at < content.length; at += step) digest.update(content.subarray(at, at + step))
      expect(digest.finish()).toBe(createHash('sha256').update(file).digest('hex'))
    }),
    { numRuns: 100 },
  )
})
