import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { verifyRepository } from '../../../src/maintenance/verify-repository.ts'
import { FilesystemStore } from '../../../storage/filesystem-store.ts'
import { contentsOf, keysIn, Publisher } from '../../support/publisher.ts'
import { noise, TreeRecipe } from '../../support/tree-recipe.ts'
import { scratchDirectory } from '../tree/scratch-directory.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'

let publisher: Publisher
let path: string

beforeEach(async () => {
  path = scratchDirectory().path
  publisher = await Publisher.create(new FilesystemStore(path))
  onTestFinished(() => publisher[Symbol.dispose]())
  const tree = publisher.tree('base')
  for (let i = 0; i < 4; i++) tree.file(`large/${i}`, noise(i, 300_000))
  for (let i = 0; i < 40; i++) tree.file(`small/${i}`, noise(100 + i, 2000))
  tree.finish()
  await publisher.publish(5, ['base'])
})

async function damages(): Promise<readonly string[]> {
  const report = await verifyRepository(publisher.store, { now: publisher.now })
  return report.damages.map(({ kind }) => kind)
}

/** Removes one and overwrites another. */
async function harm(prefix: string): Promise<void> {
  const [first, second] = await keysIn(publisher.store, prefix)
  if (first !== undefined) writeFileSync(join(path, first), 'not what it was')
  if (second !== undefined) rmSync(join(path, second))
}

test('a release that is published again to mend is whole afterwards, and nothing else changed', async () => {
  const whole = await contentsOf(publisher.store)
  await harm('chunks/')
  expect(await damages()).toEqual(['chunk', 'chunk'])
  const again = await publisher.publish(5, ['base'])
  expect(again).toMatchObject({ changed: false, chunksUploaded: 0 })
  expect(await damages()).toEqual(['chunk', 'chunk'])
  const mended = await publisher.publish(5, ['base'], { mend: true })
  expect(mended).toMatchObject({ changed: false, chunksUploaded: mended.chunks })
  expect(await damages()).toEqual([])
  await harm('manifests/')
  await harm('chunks/')
  await publisher.publish(5, ['base'], { mend: true })
  expect(await damages()).toEqual([])
  expect(await contentsOf(publisher.store)).toEqual(whole)
})

test('so is one that is not the latest, and its channel stays where it is', async () => {
  const old = new TreeRecipe(join(publisher.directory, 'old'))
  old.shell('cp -a ../trees/base/. .')
  for (let i = 0; i < 4; i++) publisher.tree('base').file(`large/${i}`, noise(50 + i, 300_000))
  await publisher.publish(6, ['base'])
  for (const key of await keysIn(publisher.store, 'chunks/')) await publisher.store.delete(key)
  const modules = [{ name: 'base', tree: new DirectoryTree(old.path), includes: [] }]
  for (const [version, trees] of [
    [5, { modules }],
    [6, {}],
  ] as const) {
    expect(await damages()).not.toEqual([])
    await publisher.publish(version, ['base'], { ...trees, mend: true })
  }
  expect(await damages()).toEqual([])
  expect(await (await publisher.repository()).channel('stable')).toMatchObject({ version: 6, previous: 5 })
})

test('one with other content is refused', async () => {
  publisher.tree('base').file('more', 'more')
  await expect(publisher.publish(5, ['base'], { mend: true })).rejects.toMatchObject({
    code: 'VERSION_EXISTS',
  })
})

test('a new release may be published to mend too', async () => {
  await harm('chunks/')
  expect(await publisher.publish(6, ['base'], { mend: true })).toMatchObject({
    changed: true,
    channel: { version: 6 },
  })
  expect(await damages()).toEqual([])
})

test.each([
  ['manifest', 'manifests/', []],
  ['document', 'tuf/targets/releases/', ['release']],
] as const)('a damaged %s of the latest release costs uploads, and is told', async (_, prefix, left) => {
  await harm(prefix)
  const notes: string[] = []
  const onNote = (note: string): void => void notes.push(note)
  const result = await publisher.publish(6, ['base'], {}, { onNote })
  expect(result).toMatchObject({ changed: true, chunksUploaded: result.chunks })
  expect(notes).toHaveLength(1)
  expect(notes[0]).toMatch(/is damaged.*; what it holds is uploaded again$/)
  expect(await damages()).toEqual(left)
})
