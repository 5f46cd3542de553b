import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { collectGarbage } from '../../src/maintenance/gc/collect-garbage.ts'
import { publishRelease } from '../../src/ingest/publish-release.ts'
import { verifyRepository } from '../../src/maintenance/verify-repository.ts'
import { createRepository } from '../../src/repository/create-repository.ts'
import { sweepPrefix } from '../../src/repository/layout.ts'
import { loadState } from '../../src/repository/repository-state.ts'
import { Repository } from '../../src/repository/repository.ts'
import { sweepLifeMs } from '../../src/repository/sweeps.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { contentsOf, keysIn } from '../support/publisher.ts'
import { noise, TreeRecipe } from '../support/tree-recipe.ts'

const collector = fileURLToPath(new URL('../support/crashing-collection.ts', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'vend-collection-crash-'))
const keys = new KeyRing(join(directory, 'keys'))
const before = join(directory, 'before')

/** A repository of five releases, each with contents of its own, of which the last two are to stay. */
beforeAll(async () => {
  const store = new FilesystemStore(before)
  const now = new Date()
  await createRepository({ store, keys, now })
  const tree = new TreeRecipe(join(directory, 'tree')).file('same', noise(1, 200_000))
  for (let version = 1; version <= 5; version++) {
    tree.file('own', noise(version + 10, 300_000)).file(`small-${version}`, String(version))
    const modules = [{ name: 'system', tree: new DirectoryTree(tree.path), includes: [] }]
    await publishRelease({ version, channel: 'stable', modules }, { store, keys, now, threads: 1 })
  }
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

function copyOf(name: string): string {
  const path = join(directory, name)
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path)
  cpSync(before, path, { recursive: true, preserveTimestamps: true })
  return path
}

async function collect(root: string, quarantineMs: number): Promise<void> {
  const store = new FilesystemStore(root)
  await collectGarbage(
    { store, keys, now: new Date() },
    { policy: { keepLast: 1, pins: [] }, graceMs: 0, quarantineMs, sliceKeys: 4 },
  )
}

/** In a process of its own, which kills itself there, or says how many writes it made. */
async function collectApart(
  root: string,
  quarantineMs: number,
  ...crash: readonly string[]
): Promise<{ readonly writes: number; readonly signal: string | null }> {
  const child = spawn(process.execPath, [collector, root, keys.directory, String(quarantineMs), ...crash])
  let stdout = ''
  child.stdout.on('data', (piece: Buffer) => (stdout += piece.toString()))
  child.stderr.pipe(process.stderr, { end: false })
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { writes: Number(stdout), signal }
}

/** Nothing that is listed lacks anything. Resolves to what is listed. */
async function look(root: string): Promise<number[]> {
  const store = new FilesystemStore(root)
  const trustedRoot = keys.trustedRoot()
  const { damages } = await verifyRepository(store, { now: new Date(), trustedRoot })
  expect(damages).toEqual([])
  return new Repository(store, await loadState(store, { trustedRoot })).releaseVersions()
}

/** What a sweep left that was killed is closed when nothing of it can take effect any more. */
async function letSweepsDie(root: string): Promise<void> {
  const long = new Date(Date.now() - sweepLifeMs - 60_000)
  for (const key of await keysIn(new FilesystemStore(root), sweepPrefix))
    utimesSync(join(root, key), long, long)
}

async function contentOf(root: string): Promise<readonly string[]> {
  const stored = (await contentsOf(new FilesystemStore(root))).keys()
  // How often metadata was signed, and what was swept lately, differs.
  return [...stored].filter((key) => !key.startsWith('tuf/') && !key.startsWith(sweepPrefix))
}

describe.each([
  ['at once', 0],
  ['after a quarantine', 1],
])('a collection that removes %s', (_, quarantineMs) => {
  let writes = 0
  let after: readonly string[] = []

  beforeAll(async () => {
    const root = copyOf('dry')
    if (quarantineMs > 0) await collect(root, quarantineMs)
    writes = (await collectApart(root, quarantineMs)).writes
    expect(await look(root)).toEqual([4, 5])
    after = await contentOf(root)
  })

  test('makes enough writes to be worth killing', () => {
    expect(writes).toBeGreaterThan(12)
  })

  test.each(['before', 'after'])(
    'and is killed %s any of its writes loses nothing that is needed, and the next one completes it',
    { timeout: 600_000 },
    async (moment) => {
      for (let index = 0; index < writes; index++) {
        const root = copyOf('crashed')
        if (quarantineMs > 0) await collect(root, quarantineMs)
        expect(await collectApart(root, quarantineMs, moment, String(index))).toMatchObject({
          signal: 'SIGKILL',
        })
        const left = await look(root)
        expect([
          [1, 2, 3, 4, 5],
          [4, 5],
        ]).toContainEqual(left)
        await letSweepsDie(root)
        // What it had condemned by then may need another one.
        for (let runs = 0; runs < 2; runs++) await collect(root, quarantineMs)
        expect(await look(root)).toEqual([4, 5])
        expect(await contentOf(root)).toEqual(after)
      }
    },
  )
})
