import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { vend } from './vend-process.ts'
import { vendHere } from './vend-here.ts'

const directory = mkdtempSync(join(tmpdir(), 'vend-cli-'))
const env = { VEND_STORE: `file:${directory}/repository`, VEND_KEYS: `${directory}/keys` }

const script = String.raw`
mkdir -p tree/etc tree/empty base web bad
echo hello > tree/etc/motd; ln tree/etc/motd tree/linked; ln -s etc/motd tree/pointer; mkfifo tree/pipe
printf odd > $'tree/caf\xe9'
truncate -s 300000 tree/sparse; printf data | dd of=tree/sparse bs=1 seek=200000 conv=notrunc status=none
echo b > base/b; echo w > web/w
`

beforeAll(async () => {
  execFileSync('bash', ['-eu'], { cwd: directory, input: script })
  expect((await vendHere(['init'], env)).code).toBe(0)
  const published = await vendHere(['publish', `${directory}/tree`, '--release', '10', '--label', 'Ten'], env)
  expect(published).toMatchObject({ code: 0 })
})

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
})

/** Runs with `--json` too, and returns both answers. */
async function both(...args: readonly string[]): Promise<{ readonly text: string; readonly json: unknown }> {
  const text = await vendHere(args, env)
  const json = await vendHere([...args, '--json'], env)
  expect([text.code, json.code, json.stderr]).toEqual([0, 0, ''])
  return { text: text.stdout, json: JSON.parse(json.stdout) as unknown }
}

test('init again changes nothing, and tells whom to trust', async () => {
  const { text, json } = await both('init')
  expect(text).toContain('is there already')
  expect(json).toMatchObject({
    created: false,
    root: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string,
  })
})

test('publish again says that it is published already', async () => {
  const { text, json } = await both('publish', `${directory}/tree`, '--release', '10', '--label', 'Ten')
  expect(text).toContain('Release 10 is already published on channel stable, for all machines')
  expect(json).toMatchObject({ release: 10, changed: false, newChunks: 0, storedBytes: 0, entries: 9 })
})

test('releases', async () => {
  const { text, json } = await both('releases')
  expect(text).toMatch(
    /^RELEASE +CREATED +MODULES +ENTRIES +CONTENT +CHANNELS +LABEL\n +10 .* stable +Ten\n$/,
  )
  expect(json).toMatchObject({
    releases: [{ version: 10, label: 'Ten', channels: ['stable'], modules: ['system'] }],
  })
})

test('show a release and a channel', async () => {
  const release = await both('show', '10')
  expect(release.text).toMatch(/^Release 10\n {2}label +Ten\n/)
  const channel = await both('show', 'stable')
  expect(channel.text).toMatch(/^Channel stable\n {2}release +10\n {2}rollout +all machines\n\nRelease 10\n/)
  expect(channel.json).toMatchObject({ channel: { version: 10, halted: false }, release: { version: 10 } })
})

test('ls', async () => {
  const { text, json } = await both('ls', '10')
  const paths = text.split('\n').map((line) => line.replace(/^.*? (?=\/)/, ''))
  const shown = ['/empty', '/etc', '/linked is /etc/motd', '/pipe', '/pointer -> etc/motd', '/sparse', '']
  expect(paths).toEqual([String.raw`/caf\xe9`, ...shown])
  const entries = [{ path: { base64: 'Y2Fm6Q==' } }, { path: 'empty' }, {}, {}, {}, {}, {}]
  expect(json).toMatchObject({ release: 10, entries })
})

test('ls of a directory, a file, an empty directory and everything', async () => {
  expect((await both('ls', '10:system', '/etc/')).text).toMatch(/^-rw.* 6 {2}.*\/etc\/motd\n$/)
  expect((await both('ls', 'stable', 'etc/motd')).text).toMatch(/\/etc\/motd\n$/)
  expect((await both('ls', '10', 'empty')).json).toEqual({ release: 10, entries: [] })
  expect((await both('ls', '10', '-R')).text.split('\n')).toHaveLength(9)
})

test.each([
  ['/etc/motd', 'hello\n'],
  ['linked', 'hello\n'],
  [String.raw`caf\xe9`, 'odd'],
])('cat %s', async (path, content) => {
  expect(await vendHere(['cat', 'stable', path], env)).toEqual({ code: 0, stdout: content, stderr: '' })
})

test('cat writes the holes of a sparse file as zeros', async () => {
  const { stdout } = await vendHere(['cat', '10', 'sparse'], env)
  expect(stdout).toBe(`${'\0'.repeat(200_000)}data${'\0'.repeat(99_996)}`)
})

test.each([
  ['pointer', 8, '/pointer is not a file but a symbolic link\n  hint: it points to etc/motd'],
  ['/', 8, '/ is not a file but a directory'],
  ['pipe', 8, '/pipe is not a file but a named pipe'],
  ['nothing', 5, 'release 10 has no path /nothing'],
  ['../x', 2, 'PATH: "../x" has the component ".."'],
])('cat %s is refused', async (path, code, problem) => {
  const outcome = await vendHere(['cat', '10', path], env)
  expect(outcome).toMatchObject({ code, stdout: '' })
  expect(outcome.stderr).toContain(problem)
})

test('channels', async () => {
  const made = await both(
    'channel',
    'set',
    'testing',
    '--release',
    '10',
    '--rollout',
    '10%',
    '--waypoint',
    '10',
  )
  expect(made.text).toBe('Channel testing\n  release    10\n  rollout    10 % of machines\n  waypoints  10\n')
  expect(made.json).toMatchObject({
    changed: false,
    channel: { rollout: { steps: [{ fraction: 1000 }], seed: '10' } },
  })
  expect((await both('channel', 'set', 'testing', '--halt')).json).toMatchObject({
    channel: { halted: true },
  })
  expect((await both('channel', 'list')).text).toMatch(
    /testing +10 +- +halted \(was 10 % of machines\) +10\n/,
  )
  const resumed = await both('channel', 'set', 'testing', '--resume', '--no-waypoint', '--rollout', '20%')
  expect(resumed.json).toMatchObject({
    fraction: 2000,
    channel: { halted: false, waypoints: [], rollout: { seed: '10' } },
  })
})

test('refresh', async () => {
  const { text, json } = await both('refresh')
  expect(text).toMatch(/timestamp +\d{4}-/)
  expect(json).toMatchObject({
    expires: { root: expect.any(String) as string, timestamp: expect.any(String) as string },
    renewed: ['snapshot', 'timestamp'],
    expiring: [],
  })
  const all = await both('refresh', '--all')
  expect(all.text).toMatch(/^Signed anew: root, targets, releases, channels, snapshot, timestamp\./)
  expect(await vendHere(['verify'], env)).toMatchObject({ code: 0, stderr: '' })
})

test('verify', async () => {
  const { text, json } = await both('verify')
  expect(text).toMatch(
    /^Read 1 release, .* 1 manifest, 0 packs and \d+ chunks? .*\nAll of it is as it must be\.\n$/,
  )
  expect(json).toMatchObject({ releases: 1, manifests: 1, damages: [], expired: [] })
})

test.each<[string, readonly string[], number, string]>([
  ['no command', [], 2, 'a command is missing\n  hint: see "vend --help"'],
  ['unknown command', ['publsh'], 2, "unknown command 'publsh' (Did you mean publish?)"],
  ['unknown flag', ['releases', '--jsn'], 2, "unknown option '--jsn' (Did you mean --json?)"],
  [
    'missing argument',
    ['show'],
    2,
    'missing required argument \'release|channel\'\n  hint: see "vend show --help"',
  ],
  ['too many arguments', ['releases', 'x'], 2, 'too many arguments'],
  [
    'missing option',
    ['publish', directory],
    2,
    '--release is missing; it is the version: a positive integer',
  ],
  ['bad version', ['publish', directory, '--release', '1.5'], 2, '--release: "1.5" is not a version'],
  ['no directory', ['publish', '/no/such', '--release', '11'], 2, 'SOURCE: /no/such: is not there'],
  ['two of one module', ['publish', 'a=/tmp', 'a=/', '--release', '11'], 2, 'two sources for the module "a"'],
  [
    'stranger',
    ['publish', 'a=/tmp', '--include', 'b=a', '--release', '11'],
    2,
    'there is no module "b" among the sources',
  ],
  [
    'unknown include',
    ['publish', 'a=/tmp', '--include', 'a=b', '--release', '11'],
    2,
    '--include: a there is no module "b"',
  ],
  [
    'circle',
    ['publish', 'a=/tmp', 'b=/', '--include', 'a=b', '--include', 'b=a', '--release', '11'],
    2,
    'goes in a circle',
  ],
  [
    'needless name',
    ['publish', 'a=/tmp', '--module', 'b', '--release', '11'],
    2,
    '--module: every source has a name',
  ],
  [
    'requires itself',
    ['publish', '/tmp', '--requires', '11', '--release', '11'],
    2,
    '--requires: 11 is not before',
  ],
  [
    'rollout of nothing',
    ['publish', '/tmp', '--no-channel', '--rollout', '1%', '--release', '11'],
    2,
    "--rollout: is a channel's",
  ],
  [
    'long label',
    ['publish', '/tmp', '--label', 'x'.repeat(201), '--release', '11'],
    2,
    '--label: is 201 characters long',
  ],
  [
    'number as channel',
    ['publish', '/tmp', '--channel', '5', '--release', '11'],
    2,
    'would be taken for a version',
  ],
  [
    'no threads',
    ['publish', '/tmp', '--threads', '0', '--release', '11'],
    2,
    '--threads: "0" is not a number',
  ],
  [
    'older version',
    ['publish', directory, '--release', '9'],
    4,
    'the latest release is 10, and versions only increase',
  ],
  [
    'other content',
    ['publish', `${directory}/base`, '--release', '10'],
    4,
    'release 10 exists already, with other content',
  ],
  ['unknown release', ['show', '99'], 5, 'there is no release 99\n  hint: the latest release is 10'],
  ['unknown channel', ['ls', 'nightly'], 5, 'there is no channel "nightly"\n  hint: there are: stable'],
  ['unknown module', ['ls', '10:base'], 5, 'release 10 has no module "base"\n  hint: it has: system'],
  ['unknown path', ['ls', '10', '/nope'], 5, 'release 10 has no path /nope'],
  [
    'new channel',
    ['channel', 'set', 'new', '--halt'],
    5,
    'there is no channel "new" yet\n  hint: name the release',
  ],
  ['missing release', ['channel', 'set', 'stable', '--release', '7'], 5, 'there is no release 7'],
  ['missing waypoint', ['channel', 'set', 'stable', '--waypoint', '7'], 5, 'there is no release 7'],
  [
    'contradiction',
    ['channel', 'set', 'stable', '--halt', '--resume'],
    2,
    '--halt and --resume contradict each other',
  ],
  ['nothing to set', ['channel', 'set', 'stable'], 2, 'nothing to set'],
  ['no settings file', ['releases', '--config', '/no/such.yaml'], 2, '--config: ENOENT'],
  [
    'no repository',
    ['releases', '--store', 'file:/tmp/no-such-repository'],
    3,
    'hint: make one with "vend init"',
  ],
  [
    'no keys',
    ['publish', directory, '--release', '11', '--keys', '/no/such'],
    6,
    'there is no key of the role "releases"',
  ],
  ['no json from cat', ['cat', '10', 'etc/motd', '--json'], 2, "unknown option '--json'"],
])('%s', async (_name, args, code, problem) => {
  const outcome = await vendHere(args, env)
  expect(outcome.stderr).toContain(problem)
  expect(outcome).toMatchObject({ code, stdout: '' })
  expect(outcome.stderr).not.toMatch(/^ +at /m)
})

test('all that is wrong with the command line and the settings is told at once', async () => {
  const args = ['publish', '/no/such', '--release', 'x', '--rollout', '10', '--threads', 'two']
  const { code, stderr } = await vendHere(args, { ...env, VEND_LISTEN: 'x', VEND_FOO: 'y' })
  expect(code).toBe(2)
  expect(stderr).toContain('vend: 5 things are wrong:')
  for (const problem of ['--release', '--rollout', '--threads', 'VEND_LISTEN', 'VEND_FOO']) {
    expect(stderr).toContain(`  ${problem}`)
  }
})

test('with --json a failure is a JSON document as well', async () => {
  const { code, stdout } = await vendHere(['show', '99', '--json'], env)
  expect(code).toBe(5)
  expect(JSON.parse(stdout)).toEqual({
    error: { code: 'RELEASE_UNKNOWN', message: 'there is no release 99', hint: 'the latest release is 10' },
  })
})

test('options may stand before the command, and nearer ones win', async () => {
  const before = await vendHere(['--store', 'file:/tmp/no-such-repository', 'releases'], env)
  expect(before.code).toBe(3)
  const nearer = ['--store', 'file:/tmp/no-such-repository', 'releases', '--store', env.VEND_STORE]
  const { VEND_KEYS } = env
  expect((await vendHere(nearer, { VEND_KEYS })).code).toBe(0)
})

test("every command's help names its exit codes and shows examples", async () => {
  for (const name of [
    'init',
    'publish',
    'releases',
    'show',
    'ls',
    'cat',
    'diff',
    'serve',
    'verify',
    'refresh',
  ]) {
    const { code, stdout } = await vendHere([name, '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(new RegExp(String.raw`Examples:\n {2}vend ${name}`))
    expect(stdout).toMatch(/Exit codes:\n {4}0 {2}done/)
  }
})

test('the binary itself: settings from a file, answers on stdout, exit code', async () => {
  writeFileSync(join(directory, 'vend.yaml'), 'store: file:./repository\nkeys: ./keys\n')
  const { code, stdout, stderr } = await vend(['releases', '--json'], { cwd: directory })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(JSON.parse(stdout)).toMatchObject({ releases: [{ version: 10 }] })
})

test('the client binary shares all of this', async () => {
  const { code, stderr } = await vend(['nothing'], { cwd: directory, program: 'vend-client' })
  expect(code).toBe(2)
  expect(stderr).toBe('vend-client: unknown command \'nothing\'\n  hint: see "vend-client --help"\n')
})
