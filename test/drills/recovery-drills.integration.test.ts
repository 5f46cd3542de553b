import { execFile } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { Machine } from '../../src/client/machine.ts'
import { publishRelease } from '../../src/ingest/publish-release.ts'
import { createRepository } from '../../src/repository/create-repository.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import { openKeyFile } from '../../src/trust/key-file.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { Forge } from '../attacks/forge.ts'
import { FileServer } from '../support/file-server.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'

const repositoryRoot = resolve(import.meta.dirname, '../..')
const dayMs = 24 * 60 * 60 * 1000

let directory = ''
let server: FileServer | undefined

afterEach(async () => {
  await server?.[Symbol.asyncDispose]()
  if (directory !== '') rmSync(directory, { recursive: true, force: true })
})

/** The commands of each drill, by its heading. */
function drillsInDocument(): ReadonlyMap<string, string> {
  const text = readFileSync(join(repositoryRoot, 'docs/keys.md'), 'utf8')
  const drills = text.slice(text.indexOf('\n## Drills')).split('\n### ').slice(1)
  return new Map(
    drills.map((drill) => [drill.slice(0, drill.indexOf('\n')), /```sh\n(.*?)```/su.exec(drill)?.[1] ?? '']),
  )
}

/** A directory as the page says, one release of a tree and a machine that has it, made so many days ago. */
async function makeWorld(ageDays = 0): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'vend-drill-'))
  const store = new FilesystemStore(at('repository'))
  const keys = new KeyRing(at('keys'))
  const now = new Date(Date.now() - ageDays * dayMs)
  await createRepository({ store, keys, now }, { shares: { root: { threshold: 2, keys: 3 } } })
  writeTree('one')
  await publishRelease(
    {
      version: 1,
      channel: 'stable',
      modules: [{ name: 'tree', tree: new DirectoryTree(at('tree')), includes: [] }],
    },
    { store, keys, now, threads: 1 },
  )
  mkdirSync(at('offline'))
  for (const name of readdirSync(at('keys')).filter((one) => /^(?:root-|targets)/.test(one)))
    renameSync(at(`keys/${name}`), at(`offline/${name}`))
  server = await FileServer.start(at('repository'))
  Machine.create({
    directory: at('machine'),
    url: server.url,
    trustedRoot: readFileSync(at('keys/root.json')),
    channel: 'stable',
    modules: 'all',
  })
  mkdirSync(at('bin'))
  for (const name of ['vend', 'vend-client']) {
    const script = `#!/bin/sh\nexec ${process.execPath} ${repositoryRoot}/src/cli/${name}.mjs "$@"\n`
    writeFileSync(at(`bin/${name}`), script, { mode: 0o755 })
  }
}

function at(path: string): string {
  return join(directory, path)
}

function writeTree(content: string): void {
  mkdirSync(at('tree'), { recursive: true })
  writeFileSync(at('tree/content'), content)
}

async function run(script: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const path = `${at('bin')}:${process.env['PATH'] ?? ''}`
  const options = { cwd: directory, env: { PATH: path, MACHINE: 'machine', NEXT: '2', ...env } }
  const { stdout } = await promisify(execFile)('sh', ['-eu', '-c', script], options)
  return stdout
}

/** Publishes what the machine must then have. */
async function expectAnUpdate(): Promise<void> {
  writeTree('two')
  await run('vend publish tree --release 2 && vend-client update --machine machine')
  expect(readFileSync(at('machine/root/content'), 'utf8')).toBe('two')
}

function idOf(path: string): string {
  return openKeyFile(at(path), async () => Promise.resolve('')).key.keyID
}

interface Drill {
  readonly ageDays?: number
  /** The keys that are gone, by the name that the page has for their ids. */
  readonly gone?: Readonly<Record<string, string>>
  /** That the drill itself publishes, and what the machine says to it. */
  readonly isNewRepository?: boolean
  /** What the thief does with the online keys. */
  readonly inventsHead?: boolean
}

const drills: Readonly<Record<string, Drill>> = {
  'One of several root keys is lost or stolen': { gone: { LOST: 'offline/root-3.pem' } },
  'So many root keys are lost that too few are left': {
    gone: { LOST: 'offline/root-3.pem', ALSO: 'offline/root-2.pem' },
    isNewRepository: true,
  },
  'The targets key is lost or stolen': { gone: { LOST: 'offline/targets.pem' } },
  'The releases key is lost or stolen': { gone: { LOST: 'keys/releases.pem' } },
  'The channels key is lost or stolen': { gone: { LOST: 'keys/channels.pem' } },
  'The snapshot key is lost or stolen': { gone: { LOST: 'keys/snapshot.pem' } },
  'The timestamp key is lost or stolen': { gone: { LOST: 'keys/timestamp.pem' } },
  'Both online keys are lost or stolen': {
    gone: { LOST_SNAPSHOT: 'keys/snapshot.pem', LOST_TIMESTAMP: 'keys/timestamp.pem' },
  },
  'Who stole both online keys has invented a head of the log': {
    gone: { LOST_SNAPSHOT: 'keys/snapshot.pem', LOST_TIMESTAMP: 'keys/timestamp.pem' },
    inventsHead: true,
  },
  'Snapshot and timestamp have expired': { ageDays: 20 },
  'Root and targets have expired': { ageDays: 400 },
}

test('the page and these tests have the same drills', () => {
  expect([...drillsInDocument().keys()]).toEqual(Object.keys(drills))
})

const lossAndTheft = Object.entries(drills).flatMap(([name, { gone }]) =>
  (gone === undefined ? ['expired'] : ['lost', 'stolen']).map((fate) => [name, fate] as const),
)

test.each(lossAndTheft)('%s: %s', async (name, fate) => {
  const { ageDays = 0, gone = {}, isNewRepository = false, inventsHead = false } = drills[name] ?? {}
  await makeWorld(ageDays)
  if (ageDays === 0) await run('vend-client update --machine machine')
  else await expect(run('vend-client update --machine machine')).rejects.toThrow('expired')
  const env = Object.fromEntries(Object.entries(gone).map(([variable, path]) => [variable, idOf(path)]))
  if (inventsHead) {
    inventHead()
    await expect(run('vend refresh')).rejects.toThrow('is missing')
    await run('vend-client check --machine machine || true')
  }
  mkdirSync(at('thief'))
  for (const path of Object.values(gone)) {
    cpSync(at(path), at(`thief/${path.slice(path.lastIndexOf('/') + 1)}`))
    if (fate === 'lost') rmSync(at(path))
  }
  if (isNewRepository) writeTree('two')
  await run(drillsInDocument().get(name) ?? '', env)
  if (isNewRepository) await run('vend-client update --machine machine')
  else await expectAnUpdate()
  expect(readFileSync(at('machine/root/content'), 'utf8')).toBe('two')
  await expectUseless(env)
})

/** Signs a log that nobody has, as long as no log ever gets. */
function inventHead(): void {
  mkdirSync(at('every-key'))
  for (const role of ['releases', 'channels', 'snapshot', 'timestamp'])
    cpSync(at(`keys/${role}.pem`), at(`every-key/${role}.pem`))
  cpSync(at('offline/targets.pem'), at('every-key/targets.pem'))
  cpSync(at('offline/root-1.pem'), at('every-key/root.pem'))
  const forge = new Forge(at('repository'), at('every-key'))
  const { log } = forge.signed('snapshot') as unknown as { readonly log: object }
  forge.vouch({
    snapshot: (snapshot) => Object.assign(snapshot, { log: { ...log, size: 1_000_000_000 } }),
  })
}

/** The repository does not know a key that is gone, and goes on without it. */
async function expectUseless(gone: Readonly<Record<string, string>>): Promise<void> {
  const status = JSON.parse(await run('vend keys status --json')) as {
    readonly roles: readonly { readonly keys: readonly { readonly id: string }[]; readonly state: string }[]
  }
  const known = status.roles.flatMap(({ keys }) => keys.map(({ id }) => id))
  for (const id of Object.values(gone)) expect(known).not.toContain(id)
  expect(new Set(status.roles.map(({ state }) => state))).toEqual(new Set(['good']))
}
