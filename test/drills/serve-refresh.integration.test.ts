import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { Machine } from '../../src/client/machine.ts'
import { publishRelease } from '../../src/ingest/publish-release.ts'
import { createRepository } from '../../src/repository/create-repository.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { contentsOf } from '../support/publisher.ts'
import { outcomeOf, startVend } from '../src/cli/vend-process.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'

const dayMs = 24 * 60 * 60 * 1000

test('a server with the two online keys alone keeps an expired repository in use, and adds nothing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vend-serve-refresh-'))
  const at = (path: string): string => join(directory, path)
  await using cleaning = new AsyncDisposableStack()
  cleaning.defer(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  const store = new FilesystemStore(at('repository'))
  const context = { store, keys: new KeyRing(at('all-keys')), now: new Date(Date.now() - 20 * dayMs) }
  // The channels are not the server's to renew.
  await createRepository(context, { lifetimes: { channels: 60 * 24 * 60 * 60 } })
  mkdirSync(at('tree'))
  writeFileSync(at('tree/content'), 'one')
  const modules = [{ name: 'tree', tree: new DirectoryTree(at('tree')), includes: [] }]
  await publishRelease({ version: 1, channel: 'stable', modules }, { ...context, threads: 1 })
  mkdirSync(at('keys'))
  for (const name of ['root.json', 'snapshot.pem', 'timestamp.pem'])
    cpSync(at(`all-keys/${name}`), at(`keys/${name}`))
  const before = await contentsOf(store)

  const server = startVend(['serve', '--refresh', 'yes', '--listen', '127.0.0.1:0'], { cwd: directory })
  const ended = outcomeOf(server)
  cleaning.defer(async () => {
    server.kill()
    await ended
  })
  let said = ''
  server.stderr.on('data', (text: string) => (said += text))
  await vi.waitUntil(() => said.includes('signed snapshot and timestamp anew'), { timeout: 60_000 })
  const url = /on (http:\/\/\S+)/.exec(said)?.[1] ?? ''
  const machine = { directory: at('machine'), url, channel: 'stable', modules: 'all' } as const
  Machine.create({ ...machine, trustedRoot: readFileSync(at('keys/root.json')) })
  await new Machine(at('machine')).update()
  expect(readFileSync(at('machine/root/content'), 'utf8')).toBe('one')

  const after = await contentsOf(store)
  const changed = [...after].filter(([key, digest]) => before.get(key) !== digest).map(([key]) => key)
  const ofRefresh = /^(?:tuf\/metadata\/(?:timestamp|\d+\.snapshot)\.json|log\/checkpoint)$/
  expect(changed.filter((key) => !ofRefresh.test(key))).toEqual([])
  expect(changed).toContain('tuf/metadata/timestamp.json')
})
