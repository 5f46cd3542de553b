import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { vendHere, type HereOutcome } from './vend-here.ts'

const dayMs = 24 * 60 * 60 * 1000
let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vend-keys-cli-'))
  onTestFinished(() => {
    vi.useRealTimers()
    rmSync(directory, { recursive: true })
  })
})

function at(name: string): string {
  return join(directory, name)
}

async function run(...args: readonly string[]): Promise<HereOutcome> {
  const env = {
    VEND_STORE: `file:${at('repository')}`,
    VEND_KEYS: at('keys'),
    ...(existsSync(at('words')) && { VEND_PASSPHRASE_FILE: at('words') }),
  }
  return vendHere(args, env)
}

async function json<T>(...args: readonly string[]): Promise<T> {
  const outcome = await run(...args, '--json')
  expect(outcome.code, outcome.stderr).toBe(0)
  return JSON.parse(outcome.stdout) as T
}

async function codeOf(...args: readonly string[]): Promise<string> {
  const { code, stdout } = await run(...args, '--json')
  const { error } = JSON.parse(stdout) as { error: { code: string } }
  return `${code} ${error.code}`
}

interface StatusRole {
  readonly role: string
  readonly threshold: number
  readonly state: string
  readonly keys: readonly { readonly id: string; readonly path?: string; readonly kind?: string }[]
}

async function roles(): Promise<readonly StatusRole[]> {
  return (await json<{ roles: StatusRole[] }>('keys', 'status')).roles
}

test('init makes one key a role, or as many as it is told', async () => {
  await json('init', '--threshold', 'root=2/3', '--threshold', 'releases=2/2')
  const found = (await roles()).map(({ role, threshold, keys }) => `${role} ${threshold}/${keys.length}`)
  expect(found).toEqual([
    'root 2/3',
    'targets 1/1',
    'releases 2/2',
    'channels 1/1',
    'snapshot 1/1',
    'timestamp 1/1',
  ])
})

test.each(['root', 'root=', 'root=3/2', 'root=0/1', 'admin=1/1', 'root=1'])(
  'init refuses --threshold %s',
  async (text) => {
    expect((await run('init', '--threshold', text)).code).toBe(2)
    expect(existsSync(at('keys'))).toBe(false)
  },
)

test('status says where keys are, which the repository does not know, and what expires', async () => {
  await json('init')
  const made = await json<{ path: string; id: string }>('keys', 'generate', 'snapshot', '--name', 'next')
  expect(made.path).toBe(at('keys/snapshot-next.pem'))
  rmSync(at('keys/root.pem'))
  const text = (await run('keys', 'status')).stdout
  expect(text).toMatch(/^root .* 1 of 1 .* not here$/m)
  expect(text).toContain(`${made.id.slice(0, 12)}  ${made.path}`)
  for (const [days, code, states] of [
    [1, 0, ['good']],
    [6, 12, ['good', 'soon']],
    [20, 6, ['good', 'expired']],
    [320, 6, ['soon', 'expired']],
  ] as const) {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * dayMs })
    const { code: found, stdout, stderr } = await run('keys', 'status', '--json')
    vi.useRealTimers()
    expect(found).toBe(code)
    const answer = JSON.parse(stdout) as { roles: StatusRole[] }
    expect(new Set(answer.roles.map(({ state }) => state))).toEqual(new Set(states))
    expect(stderr.includes('"timestamp" expire') || stderr.includes('"timestamp" have expired')).toBe(
      code !== 0,
    )
  }
})

test('keys are generated, encrypted and decrypted, and never overwritten', async () => {
  const first = await json<{ path: string; public: string }>('keys', 'generate', 'root')
  expect((await json<{ path: string }>('keys', 'generate', 'root')).path).toBe(at('keys/root-2.pem'))
  expect(first.public).toMatch(/^[0-9a-f]{64}$/)
  const pem = readFileSync(first.path, 'utf8')
  expect(await codeOf('keys', 'encrypt', first.path)).toBe('6 KEY_PASSPHRASE_NEEDED')
  writeFileSync(at('words'), 'correct horse\nbattery\n')
  const { path } = await json<{ path: string }>('keys', 'encrypt', first.path)
  expect([path, existsSync(first.path)]).toEqual([at('keys/root.key.json'), false])
  writeFileSync(first.path, 'in the way')
  expect(await codeOf('keys', 'decrypt', path)).toBe('4 KEY_EXISTS')
  rmSync(first.path)
  writeFileSync(at('words'), 'wrong horse')
  expect(await codeOf('keys', 'decrypt', path)).toBe('6 KEY_PASSPHRASE_WRONG')
  expect(existsSync(path)).toBe(true)
  writeFileSync(at('words'), 'correct horse')
  await json('keys', 'decrypt', path)
  expect(readFileSync(first.path, 'utf8')).toBe(pem)
  expect(await codeOf('keys', 'decrypt', first.path)).toBe('2 USAGE_INVALID')
  const again = await json<{ path: string }>('keys', 'generate', 'root', '--name', 'safe', '--encrypt')
  expect(again.path).toBe(at('keys/root-safe.key.json'))
  expect(await codeOf('keys', 'generate', 'root', '--name', 'safe', '--encrypt')).toBe('4 KEY_EXISTS')
})

test('a repository is published to and refreshed with encrypted keys', async () => {
  await json('init')
  writeFileSync(at('words'), 'correct horse')
  for (const role of ['releases', 'timestamp']) await json('keys', 'encrypt', at(`keys/${role}.pem`))
  await json('refresh')
  await json('publish', at('keys'), '--release', '1')
  writeFileSync(at('words'), 'wrong')
  expect(await codeOf('publish', at('keys'), '--release', '2')).toBe('6 KEY_PASSPHRASE_WRONG')
  rmSync(at('words'))
  expect(await codeOf('refresh')).toBe('6 KEY_PASSPHRASE_NEEDED')
})

test('a change of keys goes by propose, sign, merge and apply, and says what it does', async () => {
  await json('init', '--threshold', 'root=2/2')
  const [root] = await roles()
  const timestamp = (await roles()).find(({ role }) => role === 'timestamp')?.keys[0]?.id ?? ''
  const { public: hex, id } = await json<{ public: string; id: string }>(
    'keys',
    'generate',
    'timestamp',
    '--name',
    'b',
  )
  const change = ['--add', `timestamp=${hex}`, '--remove', `timestamp=${timestamp.slice(0, 8)}`]
  const proposed = await run('keys', 'propose', ...change, '--out', at('draft.json'))
  expect(proposed).toMatchObject({ code: 0, stderr: '' })
  expect(proposed.stdout).toContain(`    + ${id}\n    - ${timestamp}\n`)
  expect(proposed.stdout).toContain('root, as the root of version 1 asks: 0 of 2, still to sign: 2 of')
  for (const number of [1, 2]) {
    const key = at(`keys/root-${number}.pem`)
    const out = at(`signed-${number}.json`)
    const signed = await json<{ complete: boolean }>(
      'keys',
      'sign',
      at('draft.json'),
      '--key',
      key,
      '--out',
      out,
    )
    expect(signed).toMatchObject({ signed: ['root'], key: root?.keys[number - 1]?.id, complete: false })
  }
  expect(await codeOf('keys', 'sign', at('draft.json'), '--key', at('keys/targets.pem'))).toBe('6 KEY_WRONG')
  expect(await codeOf('keys', 'apply', at('signed-1.json'))).toBe('6 THRESHOLD_UNMET')
  const merged = ['keys', 'merge', at('signed-1.json'), at('signed-2.json'), '--out', at('draft.json')]
  expect(await json(...merged)).toMatchObject({ complete: true })
  expect(await json('keys', 'apply', at('draft.json'))).toEqual({
    renewed: ['root', 'snapshot', 'timestamp'],
    root: 2,
    seamless: true,
  })
  expect(await json('keys', 'apply', at('draft.json'))).toMatchObject({ renewed: [] })
  rmSync(at('keys/timestamp.pem'))
  await json('refresh')
})

test.each([
  ['propose --out x', 2],
  ['propose --add root=nowhere.pem --out x', 2],
  ['propose --remove root=12 --out x', 2],
  ['propose --renew snapshot --out x', 2],
  ['propose --threshold root=2', 2],
  ['sign no-such-draft.json --key no-such-key.pem', 6],
  ['merge no-such-draft.json --out x', 6],
  ['generate queen', 2],
  ['status', 3],
])('keys %s ends with %i', async (words, code) => {
  expect((await run('keys', ...words.split(' '))).code).toBe(code)
})

test('a draft that proposes the impossible, and one that was changed by hand, are refused', async () => {
  await json('init')
  expect(await codeOf('keys', 'propose', '--threshold', 'root=2', '--out', at('x'))).toBe('6 DRAFT_INVALID')
  await json('keys', 'propose', '--renew', 'root', '--out', at('draft.json'))
  const draft = JSON.parse(readFileSync(at('draft.json'), 'utf8')) as {
    root: { signed: { version: number } }
  }
  draft.root.signed.version = 7
  writeFileSync(at('changed.json'), JSON.stringify(draft))
  expect(await codeOf('keys', 'sign', at('changed.json'), '--key', at('keys/root.pem'))).toBe(
    '6 DRAFT_INVALID',
  )
  await json('keys', 'sign', at('draft.json'), '--key', at('keys/root.pem'))
  const signed = JSON.parse(readFileSync(at('draft.json'), 'utf8')) as {
    root: { signed: { expires: string } }
  }
  signed.root.signed.expires = '2099-01-01T00:00:00Z'
  writeFileSync(at('draft.json'), JSON.stringify(signed))
  expect(await codeOf('keys', 'apply', at('draft.json'))).toBe('6 THRESHOLD_UNMET')
})

test('a draft is signed only where a root that it follows from is known, or named', async () => {
  const { root } = await json<{ root: string }>('init')
  await json('refresh', '--all')
  await json('keys', 'propose', '--renew', 'root', '--out', at('draft.json'))
  mkdirSync(at('usb'))
  renameSync(at('keys/root.pem'), at('usb/root.pem'))
  const sign = ['keys', 'sign', at('draft.json'), '--key', at('usb/root.pem')]
  expect(await json<{ trusted: string }>(...sign)).toMatchObject({ trusted: at('keys/root.json') })
  renameSync(at('keys/root.json'), at('first.json'))
  expect(await codeOf(...sign)).toBe('6 ROOT_MISMATCH')
  expect(await codeOf(...sign, '--root', `sha256:${'0'.repeat(64)}`)).toBe('6 ROOT_MISMATCH')
  await json(...sign, '--root', root)
  await json(...sign, '--root', at('first.json'))
  cpSync(at('repository/tuf/metadata/2.root.json'), at('usb/root.json'))
  expect(await json<{ trusted: string }>(...sign)).toMatchObject({ trusted: at('usb/root.json') })
})

test('an invented draft is not signed, whatever keys it names', async () => {
  await json('init')
  renameSync(at('keys'), at('ours'))
  renameSync(at('repository'), at('our-repository'))
  await json('init')
  await json('keys', 'propose', '--renew', 'root', '--out', at('draft.json'))
  const before = readFileSync(at('draft.json'))
  expect(await codeOf('keys', 'sign', at('draft.json'), '--key', at('ours/root.pem'))).toBe('6 ROOT_MISMATCH')
  expect(readFileSync(at('draft.json'))).toEqual(before)
})

test('refresh warns of channels that it has no key for, and says where to run it', async () => {
  await json('init')
  renameSync(at('keys/channels.pem'), at('channels.pem'))
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 6 * dayMs })
  const { code, stderr } = await run('refresh')
  expect(code).toBe(0)
  expect(stderr).toMatch(/the role "channels" expires on .*; the key that renews it is not here/)
  expect(stderr).toContain('hint: run "vend refresh" where the keys of channels are')
  renameSync(at('channels.pem'), at('keys/channels.pem'))
  expect((await run('refresh')).stderr).toBe('')
})

interface Lives {
  readonly roles: readonly { readonly role: string; readonly lifetimeSeconds: number }[]
}

test('lifetimes are given at the beginning, changed by refresh or by a draft, and shown', async () => {
  const day = 86_400
  const lives = async (): Promise<number[]> =>
    (await json<Lives>('keys', 'status')).roles.map(({ lifetimeSeconds }) => lifetimeSeconds / day)
  await json('init', '--lifetime', 'channels=3d,timestamp=1d', '--lifetime', 'releases=90d')
  expect(await lives()).toEqual([365, 365, 90, 3, 14, 1])
  const refreshed = await json<{ expires: Record<string, string> }>('refresh', '--lifetime', 'channels=5d')
  expect(await lives()).toEqual([365, 365, 90, 5, 14, 1])
  const left = Date.parse(refreshed.expires['channels'] ?? '') - Date.now()
  expect(left / dayMs).toBeCloseTo(5, 1)
  await json('keys', 'propose', '--lifetime', 'snapshot=2d,releases=30d', '--out', at('draft.json'))
  for (const role of ['root', 'targets'])
    expect((await run('keys', 'sign', at('draft.json'), '--key', at(`keys/${role}.pem`))).stdout).toContain(
      'signatures of snapshot are good for 2d (was 14d)',
    )
  await json('keys', 'apply', at('draft.json'))
  expect(await lives()).toEqual([365, 365, 30, 5, 2, 1])
  expect((await run('keys', 'status')).stdout).toMatch(/^channels .* 5d /m)
})

test.each(['channels=1h', 'channels=367d', 'channels', 'queen=7d', 'channels=7d,'])(
  'init refuses --lifetime %s',
  async (text) => {
    expect((await run('init', '--lifetime', text)).code).toBe(2)
    expect(existsSync(at('keys'))).toBe(false)
  },
)

test('init that was begun with thresholds is not completed without', async () => {
  const options = ['--threshold', 'root=2/3', '--threshold', 'targets=2/2']
  writeFileSync(at('repository'), 'no place for a repository')
  expect((await run('init', ...options)).code).not.toBe(0)
  rmSync(at('repository'))
  expect(await codeOf('init')).toBe('4 INIT_UNCLEAR')
  const { stderr } = await run('init')
  expect(stderr).toContain('vend init --threshold root=2/3 --threshold targets=2/2')
  await json('init', ...options)
  expect((await roles())[0]).toMatchObject({ role: 'root', threshold: 2 })
})
