import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRepository } from '../../../src/repository/create-repository.ts'
import { KeyRing } from '../../../src/trust/key-ring.ts'
import { digestOf } from '../../../manifests/digest.ts'
import { FilesystemStore } from '../../../storage/filesystem-store.ts'
import { FileServer } from '../../support/file-server.ts'
import { publishRelease } from '../../../src/ingest/publish-release.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'
import { TreeRecipe } from '../../support/tree-recipe.ts'
import { vendHere, type HereOutcome } from './vend-here.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-mirror-commands-'))
const source = `file:${join(directory, 'source')}`
const keys = join(directory, 'keys')
const none = join(directory, 'none')

beforeAll(async () => {
  const store = new FilesystemStore(join(directory, 'source'))
  const context = { store, keys: new KeyRing(keys), now: new Date() }
  await createRepository(context)
  const tree = new TreeRecipe(join(directory, 'tree'))
  tree.file('a', 'a').file('b', Buffer.alloc(100_000, 'b')).finish()
  const modules = [{ name: 'base', tree: new DirectoryTree(tree.path), includes: [] }]
  await publishRelease({ version: 1, channel: 'stable', modules }, { ...context, threads: 1 })
})
afterAll(() => {
  rmSync(directory, { recursive: true })
})

function at(name: string): string {
  return join(directory, name)
}

async function run(
  ...args: readonly string[]
): Promise<HereOutcome & { readonly json: Record<string, unknown> }> {
  const outcome = await vendHere([...args, '--json'], { VEND_KEYS: none })
  return { ...outcome, json: JSON.parse(outcome.stdout) as Record<string, unknown> }
}

test('a store, a served repository and a file are mirrored, and say what was done', async () => {
  const root = digestOf(readFileSync(join(keys, 'root.json')))
  const first = await run('mirror', source, `file:${at('m1')}`)
  expect(first).toMatchObject({
    code: 0,
    json: { changed: true, root, releases: 1, copied: { manifests: 1 } },
  })
  expect(first.stderr).toContain(`taken at its word that its first root is ${root}`)
  expect(await run('mirror', source, `file:${at('m1')}`)).toMatchObject({ code: 0, json: { changed: false } })
  await using server = await FileServer.start(at('source'))
  const served = await run('mirror', server.url, `file:${at('m2')}`, '--trust', root, '--max-rate', '50MB/s')
  expect(served).toMatchObject({ code: 0, stderr: '', json: { changed: true } })
  const offline = await run('mirror', source, '--offline', at('all.tar'), '--state', at('all.state'))
  expect(offline).toMatchObject({ code: 0, json: { fileBytes: readFileSync(at('all.tar')).length } })
  expect(
    await run('mirror', at('all.tar'), `file:${at('m3')}`, '--trust', join(keys, 'root.json')),
  ).toMatchObject({
    code: 0,
    json: { source: at('all.tar'), changed: true },
  })
  await run('mirror', `file:${at('m3')}`, '--state', at('m3.state'))
  expect(readFileSync(at('m3.state'), 'utf8')).toBe(readFileSync(at('all.state'), 'utf8'))
  const { stdout } = await vendHere(['mirror', source, `file:${at('m3')}`])
  expect(stdout).toMatch(/^There was nothing to do\.\n {2}first root {2}sha256:/)
})

test('what cannot be is refused with its exit code', async () => {
  const wrong = `sha256:${'0'.repeat(64)}`
  expect(await run('mirror', source, `file:${at('x')}`, '--trust', wrong)).toMatchObject({ code: 6 })
  expect(await run('mirror', source, `file:${at('x')}`, '--channel', 'beta')).toMatchObject({ code: 5 })
  expect(await run('mirror', `file:${none}`, `file:${at('x')}`)).toMatchObject({ code: 3 })
  writeFileSync(at('junk.tar'), 'junk')
  expect(await run('mirror', at('junk.tar'), `file:${at('x')}`)).toMatchObject({ code: 9 })
  expect(existsSync(at('x'))).toBe(false)
})

test.each([
  [[], 'DESTINATION is missing'],
  [['file:x', '--offline', 'y'], 'leave one of them out'],
  [['https://mirror.example/'], 'not a store that can be written to'],
  [['file:x', '--since', 'y'], '--since: is for --offline'],
  [['file:x', '--max-rate', '0'], 'would let nothing pass'],
  [['x'], 'names no repository'],
])('vend mirror SOURCE %j is a mistake', async (args, problem) => {
  const { code, stderr } = await vendHere(['mirror', source, ...args])
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(problem) as string })
})

test('verify reads a part, and repair mends what it finds', async () => {
  await run('mirror', source, `file:${at('m4')}`)
  const store = ['--store', `file:${at('m4')}`]
  const state = ['--state', at('verify.state')]
  expect(await run('verify', ...store, '--share', '50%', ...state)).toMatchObject({
    code: 0,
    json: { slice: { index: 0, of: 2 } },
  })
  expect(await run('verify', ...store, '--share', '50%', ...state)).toMatchObject({
    json: { slice: { index: 1 } },
  })
  const names = readdirSync(at('m4/chunks'), { recursive: true }).map(String)
  const chunk = names.find((name) => name.endsWith('.cacnk')) ?? ''
  writeFileSync(join(at('m4/chunks'), chunk), 'junk')
  expect(await run('verify', ...store)).toMatchObject({ code: 9, json: { damages: [{ kind: 'chunk' }] } })
  expect(await run('repair', ...store, '--from', `file:${none}`)).toMatchObject({
    code: 9,
    json: { mended: [] },
  })
  expect(await run('repair', ...store, '--from', `casync:${at('source/chunks')}`)).toMatchObject({
    code: 0,
    json: { damages: [], mended: [{ kind: 'chunk', what: `chunks/${chunk}` }] },
  })
  const { stdout } = await vendHere(['repair', ...store, '--from', source], { VEND_KEYS: none })
  expect(stdout).toBe('0 pieces mended. All of it was as it must be.\n')
  expect((await vendHere(['repair', ...store])).stderr).toContain('--from is missing')
})
