import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openOciSource } from '../../../src/sources/oci-source.ts'
import { noise, TreeRecipe } from '../../support/tree-recipe.ts'
import { outcomeOf, startVend, vend, type Outcome } from '../cli/vend-process.ts'
import { ScratchDirectory } from '../tree/scratch-directory.ts'

const scratch = new ScratchDirectory()

beforeAll(async () => {
  new TreeRecipe(scratch.in('small')).file('a', 'a')
  const large = new TreeRecipe(scratch.in('large'))
  for (let i = 0; i < 12; i++) large.file(`f${i}`, noise(i + 1, 4 << 20))
  for (const args of [
    ['init'],
    ['publish', 'small=small', '--release', '1'],
    ['publish', 'small=small', 'large=large', '--release', '2'],
  ]) {
    expect(await vend(args, { cwd: scratch.path })).toMatchObject({ code: 0 })
  }
})

afterAll(() => {
  scratch[Symbol.dispose]()
})

function exported(...args: readonly string[]): Promise<Outcome> {
  return vend(['export', 'oci', ...args], { cwd: scratch.path })
}

/** Begins an export and ends it with a signal as soon as a layer of some size is being written below `where`. */
async function interrupted(
  signal: NodeJS.Signals,
  where: string,
  ...args: readonly string[]
): Promise<Outcome> {
  const child = startVend(['export', 'oci', ...args], { cwd: scratch.path })
  const outcome = outcomeOf(child)
  while (child.exitCode === null && !isBegun(where)) await sleep(2)
  child.kill(signal)
  return outcome
}

function isBegun(where: string): boolean {
  return (
    existsSync(where) &&
    readdirSync(where, { recursive: true }).some((name) => String(name).endsWith('/large'))
  )
}

function namesIn(directory: string): string[] {
  return readdirSync(directory).sort()
}

it('leaves nothing, and says so, when it is told to stop', async () => {
  const before = namesIn(scratch.path)
  for (const out of ['new', 'new.tar']) {
    const outcome = await interrupted('SIGTERM', scratch.path, '2', '--out', out)
    expect(outcome.code).toBe(130)
    expect(outcome.stderr).toContain('what was there before is as it was')
    expect(namesIn(scratch.path)).toEqual(before)
  }
})

it('leaves a layout as it was when it is killed, and the same command finishes it', async () => {
  expect(await exported('1', '--out', 'layout')).toMatchObject({ code: 0 })
  const layout = scratch.in('layout')
  const index = readFileSync(join(layout, 'index.json'))
  const { signal } = await interrupted('SIGKILL', layout, '2', '--out', 'layout')
  expect(signal).toBe('SIGKILL')
  expect(readFileSync(join(layout, 'index.json'))).toEqual(index)
  await using source = await openOciSource(layout, { tag: '1' })
  expect(Array.from(source.tree.walk(), ({ entry }) => entry.path)).toEqual(['', 'a'])
  expect(await exported('2', '--out', 'layout')).toMatchObject({ code: 0 })
  await using finished = await openOciSource(layout, { tag: '2' })
  expect(finished.contentBytes).toBe(12 * (4 << 20) + 1)
})

it('loses no tag when two export into one layout at once', async () => {
  expect(await exported('1', '--out', 'shared')).toMatchObject({ code: 0 })
  const tags = ['a', 'b', 'c']
  const outcomes = await Promise.all(tags.map((tag) => exported('1', '--out', 'shared', '--tag', tag)))
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0])
  const index = readFileSync(scratch.in('shared/index.json'), 'utf8')
  for (const tag of ['1', ...tags]) expect(index).toContain(`"org.opencontainers.image.ref.name":"${tag}"`)
})
