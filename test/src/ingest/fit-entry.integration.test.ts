import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { verifyRepository } from '../../../src/maintenance/verify-repository.ts'
import { Publisher } from '../../support/publisher.ts'

test('a file of too many extents is published so that it can be read, and that is told', async () => {
  using publisher = await Publisher.create()
  const [extents, hole] = [52_000, 2 ** 40]
  const fd = openSync(join(publisher.tree('base').path, 'image'), 'w')
  for (let i = 0; i < extents; i++) writeSync(fd, Buffer.of(1), 0, 1, hole + i * 8192)
  ftruncateSync(fd, hole + extents * 8192)
  closeSync(fd)
  const notes: string[] = []
  const onNote = (note: string): void => void notes.push(note)
  const { contentBytes } = await publisher.publish(1, ['base'], {}, { onNote })
  expect((await verifyRepository(publisher.store, { now: publisher.now })).damages).toEqual([])
  expect(contentBytes).toBe(extents * 8192 - 4096)
  expect(notes).toEqual([expect.stringMatching(/^base: \/image has more holes/) as string])
})
