import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { publishRelease } from '../../src/ingest/publish-release.ts'
import { verifyRepository } from '../../src/maintenance/verify-repository.ts'
import { createRepository } from '../../src/repository/create-repository.ts'
import { loadState } from '../../src/repository/repository-state.ts'
import { Repository } from '../../src/repository/repository.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'

const publisher = fileURLToPath(new URL('../support/crashing-publish.ts', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'vend-crash-'))
const keys = new KeyRing(join(directory, 'keys'))
const tree = join(directory, 'tree')
const before = join(directory, 'before')
let writes = 0

/** A repository with one release, and a tree that differs from it in a large and some small files. */
beforeAll(async () => {
  const shell = (script: string): Buffer => execFileSync('bash', ['-euc', script], { cwd: directory })
  shell(
    'mkdir tree; head -c 900000 /dev/urandom > tree/large; for i in $(seq 40); do echo $i > tree/$i; done',
  )
  const store = new FilesystemStore(before)
  const now = new Date()
  await createRepository({ store, keys, now })
  const modules = [{ name: 'system', tree: new DirectoryTree(tree), includes: [] }]
  await publishRelease({ version: 10, channel: 'stable', modules }, { store, keys, now, threads: 1 })
  shell('head -c 900000 /dev/urandom >> tree/large; echo changed > tree/7; echo new > tree/new')
  const { stdout } = await publish(copyOf('dry'))
  writes = Number(stdout)
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

function copyOf(name: string): string {
  const path = join(directory, name)
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path)
  cpSync(before, path, { recursive: true })
  return path
}

async function publish(
  root: string,
  ...crash: readonly string[]
): Promise<{ readonly stdout: string; readonly signal: string | null }> {
  const child = spawn(process.execPath, [publisher, root, keys.directory, tree, '11', ...crash])
  let stdout = ''
  child.stdout.on('data', (piece: Buffer) => (stdout += piece.toString()))
  child.stderr.pipe(process.stderr, { end: false })
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  return { stdout, signal }
}

async function look(root: string): Promise<{ readonly versions: number[]; readonly points: number }> {
  const store = new FilesystemStore(root)
  const repository = new Repository(store, await loadState(store, { trustedRoot: keys.trustedRoot() }))
  const { damages } = await verifyRepository(store, { now: new Date(), trustedRoot: keys.trustedRoot() })
  expect(damages).toEqual([])
  return { versions: repository.releaseVersions(), points: (await repository.channel('stable')).version }
}

const old = { versions: [10], points: 10 }
const published = { versions: [10, 11], points: 11 }

test('a publish makes enough writes to be worth killing', () => {
  expect(writes).toBeGreaterThan(10)
})

test.each(['before', 'after'])(
  'killed %s any of its writes, a publish leaves the old state or the new, and then succeeds',
  { timeout: 600_000 },
  async (moment) => {
    const seen: string[] = []
    for (let index = 0; index < writes; index++) {
      const root = copyOf('crashed')
      expect(await publish(root, moment, String(index))).toEqual({ stdout: '', signal: 'SIGKILL' })
      const left = await look(root)
      const name = JSON.stringify(left) === JSON.stringify(old) ? 'old' : 'new'
      expect(left).toEqual(name === 'old' ? old : published)
      seen.push(name)
      expect(await publish(root)).toMatchObject({ signal: null })
      expect(await look(root)).toEqual(published)
    }
    // Once it is visible it stays, and only the log's entries, tile and checkpoint and the end of the lease come later.
    expect(seen).toEqual([...seen].sort().reverse())
    expect(seen.filter((name) => name === 'new').length).toBe(moment === 'before' ? 4 : 5)
  },
)
