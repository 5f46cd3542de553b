import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openStore } from '../../../storage/open-store.ts'
import { createRepository } from '../../../src/repository/create-repository.ts'
import { KeyRing } from '../../../src/trust/key-ring.ts'
import { jsonOf, outcomeOf, startVend, vend, type Outcome } from './vend-process.ts'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vend-commands-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function shell(script: string): void {
  execFileSync('bash', ['-eu'], { cwd: directory, input: script })
}

async function run(...args: readonly string[]): Promise<Outcome> {
  return vend(args, { cwd: directory })
}

async function succeed(...args: readonly string[]): Promise<Outcome> {
  const outcome = await run(...args)
  expect(outcome).toMatchObject({ code: 0 })
  return outcome
}

function storedChunks(): number {
  const under = join(directory, 'repository/chunks')
  return readdirSync(under, { recursive: true }).filter((name) => String(name).endsWith('.cacnk')).length
}

interface PublishAnswer {
  readonly chunks: number
  readonly newChunks: number
  readonly changed: boolean
}

const isRoot = process.getuid?.() === 0

test('from nothing to a served, verified repository', async () => {
  shell('mkdir -p base/etc web; echo 1 > base/etc/version; echo w > web/w; ln -s version base/etc/link')
  const init = await succeed('init')
  expect(init.stdout).toContain('Machines are to trust sha256:')
  const first = await succeed('publish', 'base=base', 'web=web', '--include', 'web=base', '--release', '10')
  expect(first).toMatchObject({ stderr: '' })
  expect(first.stdout).toContain('Published release 10 on channel stable, for all machines.')
  shell('echo 2 > base/etc/version; touch -d @0 base/etc/version; chmod 600 web/w')
  await succeed(
    'publish',
    'base=base',
    'web=web',
    '--include',
    'web=base',
    '--release',
    '11',
    '--rollout',
    '10%',
  )
  expect((await succeed('show', 'stable')).stdout).toContain('10 % of machines')
  const diff = await succeed('diff', '10', '11')
  expect(diff.stdout).toContain('changed  base  /etc/version  (mtime, content)')
  expect(diff.stdout).toContain('changed  web  /w  (mode)')
  expect(diff.stdout).toMatch(/0 added, 0 removed, \d changed between release 10 and release 11\.\n$/)
  const json = jsonOf(await succeed('diff', '10', '11', '--module', 'web', '--json')) as {
    differences: { path: string }[]
  }
  expect(json.differences.map(({ path }) => path)).toEqual(['w'])
  expect((await succeed('cat', '10', '/etc/version')).stdout).toBe('1\n')
  expect((await succeed('cat', 'stable', '/etc/version')).stdout).toBe('2\n')
  await succeed('channel', 'set', 'stable', '--release', '10')
  await succeed('refresh')
  await succeed('verify')
})

test('serve answers until SIGTERM, and says what is still to be done', async () => {
  const child = startVend(['serve', '--listen', '0'], { cwd: directory })
  const outcome = outcomeOf(child)
  const url = await servedUrl(child)
  expect((await fetch(`${url}/tuf/metadata/timestamp.json`)).status).toBe(404)
  await succeed('init')
  await sleep(1100)
  expect((await fetch(`${url}/tuf/metadata/timestamp.json`)).status).toBe(200)
  child.kill('SIGTERM')
  const { code, stdout, stderr } = await outcome
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  expect(stderr).toContain('there is no repository in it yet: make one with "vend init"')
  const taken = startVend(['serve', '--listen', '0'], { cwd: directory })
  const second = outcomeOf(taken)
  const port = new URL(await servedUrl(taken)).port
  expect(await run('serve', '--listen', port)).toMatchObject({ code: 2 })
  taken.kill('SIGINT')
  expect((await second).stderr).toContain('nothing was published yet')
})

async function servedUrl(child: ReturnType<typeof startVend>): Promise<string> {
  let text = ''
  for (;;) {
    const [piece] = (await once(child.stderr, 'data')) as [string]
    text += piece
    const url = /vend: serving .* on (http:\S+)/.exec(text)?.[1]
    if (url !== undefined) return url
  }
}

test('of two publishers of one version with different contents exactly one wins, and readers see its release', async () => {
  await succeed('init')
  for (let round = 1; round <= 20; round++) {
    for (const name of ['one', 'two']) {
      mkdirSync(join(directory, name), { recursive: true })
      writeFileSync(join(directory, name, 'name'), `${name} in round ${round}`)
    }
    const outcomes = await Promise.all(
      ['one', 'two'].map((name) => run('publish', name, '--release', String(round), '--json')),
    )
    expect(outcomes.map(({ code }) => code).sort((a, b) => Number(a) - Number(b))).toEqual([0, 4])
    const loser = outcomes.find(({ code }) => code === 4)
    expect((jsonOf(loser ?? { stdout: '' }) as { error: { code: string } }).error.code).toMatch(
      /^(PUBLISH_CONFLICT|VERSION_EXISTS)$/,
    )
    const winner = outcomes[0]?.code === 0 ? 'one' : 'two'
    expect((await succeed('cat', String(round), 'name')).stdout).toBe(`${winner} in round ${round}`)
  }
  const { releases } = jsonOf(await succeed('releases', '--json')) as { releases: { version: number }[] }
  expect(releases.map(({ version }) => version)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
  await succeed('verify')
})

test('an interrupted publish shows nothing, and run again uploads only what is missing', async () => {
  shell('mkdir tree; for i in $(seq 60); do head -c 1200000 /dev/urandom > tree/$i; done')
  await succeed('init')
  const child = startVend(['publish', 'tree', '--release', '10', '--threads', '1'], { cwd: directory })
  const outcome = outcomeOf(child)
  while (!readdirSync(join(directory, 'repository')).includes('chunks') || storedChunks() < 20) await sleep(5)
  child.kill('SIGINT')
  const { code, stderr } = await outcome
  expect(code).toBe(130)
  expect(stderr).toBe(
    'vend: interrupted by SIGINT\n' +
      '  hint: nothing is visible of it; the same command run again uploads only what is missing\n',
  )
  expect(jsonOf(await succeed('releases', '--json'))).toEqual({ releases: [] })
  const stored = storedChunks()
  const again = jsonOf(await succeed('publish', 'tree', '--release', '10', '--json')) as PublishAnswer
  expect(stored).toBeGreaterThan(0)
  expect(again.newChunks).toBe(again.chunks - stored)
  await succeed('verify')
})

test('keys of another repository, missing keys, and keys that only look right', async () => {
  shell('mkdir tree other; echo 1 > tree/a')
  await succeed('init')
  await succeed('init', '--store', 'file:./other/repository', '--keys', 'other/keys')
  const publish = ['publish', 'tree', '--release', '10', '--keys', 'other/keys']
  const foreign = await run(...publish)
  expect(foreign).toMatchObject({ code: 6 })
  expect(foreign.stderr).toContain('begins with another root than the trusted one')
  shell('cp keys/root.json other/keys/root.json')
  const pretending = await run(...publish)
  expect(pretending).toMatchObject({ code: 6 })
  expect(pretending.stderr).toContain(
    'the key of the role "releases" in other/keys is not this repository\'s',
  )
  expect(await run('refresh', '--keys', 'other/keys')).toMatchObject({ code: 6 })
  expect(await run('channel', 'set', 'x', '--release', '1', '--keys', 'none')).toMatchObject({ code: 6 })
  shell('echo nonsense > keys/releases.pem')
  const garbled = await run('publish', 'tree', '--release', '10')
  expect(garbled).toMatchObject({ code: 6 })
  expect(garbled.stderr).toContain('is not an Ed25519 private key in PEM form')
  expect(await run('init', '--keys', 'other/keys2')).toMatchObject({ code: 4 })
})

test('expired metadata hinder no publish, which renews them', async () => {
  shell('mkdir tree; echo 1 > tree/a')
  const store = openStore(`file:${directory}/repository`, { env: {} })
  await createRepository({ store, keys: new KeyRing(`${directory}/keys`), now: new Date('2020-01-01') })
  const before = await succeed('verify', '--json')
  const { expired } = jsonOf(before) as { expired: string[] }
  expect(expired).toContain('timestamp')
  expect(before.stderr).toContain('hint: renew it with "vend refresh --all", where the keys of all roles are')
  await succeed('publish', 'tree', '--release', '10')
  expect((jsonOf(await succeed('verify', '--json')) as { expired: string[] }).expired).toEqual([
    'root',
    'targets',
  ])
  const refreshed = await succeed('refresh')
  expect(refreshed.stderr).toContain('the metadata of the role "root" expires on 2020-12-31')
  expect(refreshed.stderr).toContain('hint: run "vend refresh --all" where the keys of all roles are')
  expect((await succeed('refresh', '--all')).stderr).toBe('')
  expect(jsonOf(await succeed('verify', '--json'))).toMatchObject({ expired: [] })
})

test('SOURCE_DATE_EPOCH dates the release and bounds its mtimes', async () => {
  shell('mkdir tree; echo 1 > tree/a; touch -d 2001-01-01 tree/a')
  await succeed('init')
  const options = { cwd: directory, env: { SOURCE_DATE_EPOCH: '86400' } }
  const published = await vend(['publish', 'tree', '--release', '10', '--json'], options)
  expect(jsonOf(published)).toMatchObject({ created: '1970-01-02T00:00:00Z' })
  expect((await succeed('ls', '10')).stdout).toContain('1970-01-02 00:00  /a')
})

test('sockets are left out, with a note', async () => {
  shell('mkdir tree')
  const script = `require('net').createServer().listen('tree/s', () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script], { cwd: directory })
  await succeed('init')
  const { stdout, stderr } = await succeed('publish', 'tree', '--release', '10')
  expect(stderr).toContain('vend: system: /s is a socket')
  expect(stdout).toMatch(/left out +1 path\n/)
})

test('damage is listed with what it touches, and ends with 9', async () => {
  shell('mkdir tree; head -c 300000 /dev/urandom > tree/big')
  await succeed('init')
  await succeed('publish', 'tree', '--release', '10')
  shell(
    'f=$(find repository/chunks -type f | head -1); printf x | dd of=$f bs=1 seek=50 conv=notrunc status=none',
  )
  const { code, stdout } = await run('verify')
  expect(code).toBe(9)
  expect(stdout).toMatch(/^chunk sha256:.*\n {2}module system of release 10: 1 path\n {4}\/big\n/)
  expect(stdout).toContain('vend publish --mend … --release VERSION')
  expect(await run('verify', '--json')).toMatchObject({ code: 9, stderr: '' })
  const mend = ['publish', 'tree', '--release', '10', '--mend']
  expect((await succeed(...mend)).stdout).toMatch(
    /^Release 10 is as it was; all that it needs is stored anew\.\n/,
  )
  await succeed('verify')
  shell('find repository/chunks repository/manifests -type f -delete')
  expect(await run('verify')).toMatchObject({ code: 9 })
  expect(jsonOf(await succeed(...mend, '--json'))).toMatchObject({ changed: false, notes: [] })
  await succeed('verify')
  shell('echo x > repository/tuf/metadata/timestamp.json')
  expect(await run('releases')).toMatchObject({ code: 6 })
  expect(await run('verify')).toMatchObject({ code: 9 })
})

test('a reader that stops reading ends the command quietly', async () => {
  shell('mkdir tree; cd tree; touch $(seq 20000)')
  await succeed('init')
  await succeed('publish', 'tree', '--release', '10')
  const child = startVend(['ls', '10'], { cwd: directory })
  const outcome = outcomeOf(child)
  child.stdout.once('data', () => child.stdout.destroy())
  expect(await outcome).toMatchObject({ code: 141, stderr: '' })
})

test.runIf(isRoot)('a store that this user may only read: reading works, publishing is denied', async () => {
  shell('mkdir tree; echo 1 > tree/a; chmod 755 .')
  await succeed('init')
  await succeed('publish', 'tree', '--release', '10')
  shell('echo 2 > tree/a; cp -r keys theirs; chown -R 65534 theirs')
  const options = {
    cwd: directory,
    prefix: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'],
  }
  expect(await vend(['releases'], options)).toMatchObject({ code: 0 })
  expect(await vend(['verify'], options)).toMatchObject({ code: 0 })
  const denied = await vend(['publish', 'tree', '--release', '11', '--keys', 'theirs'], options)
  expect(denied).toMatchObject({ code: 7, stdout: '' })
  expect(denied.stderr).toContain('permission denied')
  expect(denied.stderr).toContain('hint: let this user write to the store, or give other credentials')
  expect(await vend(['init', '--keys', 'mine'], options)).toMatchObject({ code: 4 })
})

test.runIf(isRoot)(
  'a full disk: nothing is visible, and with room again the same command succeeds',
  async () => {
    shell('mkdir tree small; head -c 6000000 /dev/urandom > tree/big')
    const place = join(directory, 'small')
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', place])
    try {
      const store = ['--store', 'file:./small/repository']
      await succeed('init', ...store)
      const full = await run('publish', 'tree', '--release', '10', ...store)
      expect(full).toMatchObject({ code: 7, stdout: '' })
      expect(full.stderr).toContain(
        'hint: free some space or raise the quota, then run the same command again',
      )
      expect(jsonOf(await succeed('releases', '--json', ...store))).toEqual({ releases: [] })
      execFileSync('mount', ['-o', 'remount,size=20m', place])
      await succeed('publish', 'tree', '--release', '10', ...store)
      await succeed('verify', ...store)
    } finally {
      execFileSync('umount', ['--lazy', place])
    }
  },
)

test('on a terminal a publish draws its progress, and cleans up after itself', async () => {
  shell('mkdir tree; for i in $(seq 40); do head -c 1200000 /dev/urandom > tree/$i; done')
  await succeed('init')
  const launcher = new URL('../../../src/cli/vend.mjs', import.meta.url).pathname
  const command = `${process.execPath} ${launcher} publish tree --release 10 --threads 1`
  const options = { cwd: directory, encoding: 'utf8', timeout: 60_000 } as const
  const { stdout, status } = spawnSync('script', ['-qec', command, '/dev/null'], options)
  expect(status).toBe(0)
  expect(stdout).toMatch(/publishing 10 {2}\[#*-*\] \d+ % .* of 48\.0 MB/)
  const end = stdout.slice(stdout.lastIndexOf('\u001B[K'))
  expect(end).toContain('Published release 10')
})

test('a copy of the store is the repository', async () => {
  shell('mkdir tree; echo 1 > tree/a')
  await succeed('init')
  await succeed('publish', 'tree', '--release', '10')
  cpSync(join(directory, 'repository'), join(directory, 'copy'), { recursive: true })
  await succeed('verify', '--store', 'file:./copy')
  await succeed('publish', 'tree', '--release', '11', '--store', 'file:./copy')
})
