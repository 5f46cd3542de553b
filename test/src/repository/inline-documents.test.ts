import { expect, test } from 'vitest'
import { dropOldDocuments, targetOf } from '../../../src/repository/inline-documents.ts'

const bytes = Buffer.from('{"a":1}')

function carried(path: string): ReturnType<typeof targetOf> {
  return targetOf(path, bytes)
}

test('a short document is carried by its target, a long one is not', () => {
  expect(carried('releases/1.json').toJSON()).toMatchObject({
    length: 7,
    custom: { document: { a: 1 } },
  })
  const long = Buffer.from(JSON.stringify({ text: 'x'.repeat(9000) }))
  expect(targetOf('releases/1.json', long).toJSON()).not.toHaveProperty('custom')
})

test('of the releases the two newest carry theirs, by number and not by spelling', () => {
  const paths = [2, 10, 9, 1].map((version) => `releases/${version}.json`)
  const targets = Object.fromEntries(paths.map((path) => [path, carried(path)]))
  const kept = dropOldDocuments('releases', targets)
  expect(Object.keys(kept)).toEqual(paths)
  const carrying = Object.entries(kept).filter(([, { custom }]) => custom['document'] !== undefined)
  expect(carrying.map(([path]) => path)).toEqual(['releases/10.json', 'releases/9.json'])
  expect(kept['releases/1.json']?.hashes).toEqual(targets['releases/1.json']?.hashes)
})

test('all channels carry theirs', () => {
  const targets = Object.fromEntries(['a', 'b', 'c'].map((name) => [name, carried(`channels/${name}.json`)]))
  expect(dropOldDocuments('channels', targets)).toEqual(targets)
})
