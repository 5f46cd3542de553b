import { expect, test } from 'vitest'
import { settingsTable, type Setting } from '../../../src/cli/settings-table.ts'
import { loadSettings, SettingsError } from '../../../src/cli/settings.ts'

async function problemsOf(sources: Parameters<typeof loadSettings>[0]): Promise<readonly string[]> {
  const outcome: unknown = await loadSettings(sources).catch((error: unknown) => error)
  if (!(outcome instanceof SettingsError)) throw new Error('the settings are not wrong')
  return outcome.problems
}

function yaml(text: string): { path: string; text: string } {
  return { path: 'vend.yaml', text }
}

test('defaults apply where nothing is said', async () => {
  const settings = await loadSettings({ flags: {}, env: {} })
  expect(settings.store.name).toBe(`file:${process.cwd()}/repository`)
  expect(settings.listen).toEqual({ host: '127.0.0.1', port: 8080 })
  expect(settings).toMatchObject({
    keys: './keys',
    queue: { kind: 'inline' },
    logLevel: 'info',
    tlsKey: undefined,
  })
})

test('flags go before the environment, and the environment before the file', async () => {
  const file = yaml('keys: /file\nlogLevel: warn\nlisten: 9000\n')
  const env = { VEND_KEYS: '/env', VEND_LOG_LEVEL: 'error' }
  const settings = await loadSettings({ flags: { keys: '/flag' }, env, file })
  expect(settings).toMatchObject({
    keys: '/flag',
    logLevel: 'error',
    listen: { host: '127.0.0.1', port: 9000 },
  })
})

test('every problem of every source is told at once, with its origin and the way out', async () => {
  const problems = await problemsOf({
    flags: { store: 'somewhere', logLevel: 'loud' },
    env: {
      VEND_STOER: 'x',
      VEND_QUEUE: 'rabbit://localhost',
      VEND_KEYS: '',
      SOURCE_DATE_EPOCH: 'yesterday',
      OTHER: 'is none of ours',
    },
    file: yaml('listen: 80x\ntls:\n  certificate: cert.pem\n  kee: a\nstores: file:./x\nqueue:\n'),
  })
  expect(problems).toEqual([
    'VEND_STOER in the environment: there is no such setting; did you mean VEND_STORE?',
    'queue in vend.yaml: has no value; write "queue: value" or leave it out',
    'tls.kee in vend.yaml: there is no such setting; did you mean tls.key?',
    'stores in vend.yaml: there is no such setting; did you mean store?',
    '--store: a path alone; write file:./somewhere',
    'VEND_KEYS: is empty; write a value or leave it out (./keys is the default)',
    'VEND_QUEUE: not a queue; write inline: or redis://[user:password@]host[:port][/database][?prefix=name&lock=30s], rediss:// with TLS',
    'listen in vend.yaml: "80x" is not an address; write host:port, such as 127.0.0.1:8080 or [::]:8080 (all interfaces)',
    '--log-level: "loud" is not a log level; write one of debug, info, warn, error, silent',
    'SOURCE_DATE_EPOCH: "yesterday" is not a number of seconds since 1970-01-01T00:00:00Z',
    'tls.certificate in vend.yaml: needs its other half too; give --tls-key, VEND_TLS_KEY or tls.key in vend.yaml',
  ])
})

test('a mistake counts also where another source overrides it', async () => {
  expect(await problemsOf({ flags: { listen: '8081' }, env: { VEND_LISTEN: 'x:y' } })).toHaveLength(1)
})

test.each([
  ['store: [', 'vend.yaml: is not YAML'],
  ['- store', 'vend.yaml: is not a list of settings'],
  ['store: file:./a\nstore: file:./b', 'vend.yaml: is not YAML'],
  ['store: [file:./a]', 'store in vend.yaml: has no value'],
])('the file %j is refused', async (text, problem) => {
  const [first] = await problemsOf({ flags: {}, env: {}, file: yaml(text) })
  expect(first).toContain(problem)
})

test('an empty file says nothing', async () => {
  await expect(loadSettings({ flags: {}, env: {}, file: yaml('# nothing yet\n') })).resolves.toBeDefined()
})

test.each([
  ['8080', { host: '127.0.0.1', port: 8080 }],
  ['[::1]:0', { host: '::1', port: 0 }],
  ['0.0.0.0:65535', { host: '0.0.0.0', port: 65535 }],
  ['updates.example.org:443', { host: 'updates.example.org', port: 443 }],
])('the address %s', async (text, address) => {
  expect((await loadSettings({ flags: { listen: text }, env: {} })).listen).toEqual(address)
})

test.each(['::1:80', '127.0.0.1', ':80', '1.2.3.4:65536', '[1.2.3.4]:80', 'a b'])(
  'no address: %j',
  async (text) => {
    expect(await problemsOf({ flags: { listen: text }, env: {} })).toHaveLength(1)
  },
)

test('credentials in a store URL are never repeated', async () => {
  const [problem] = await problemsOf({ flags: { store: 's3://me:secret@bucket' }, env: {} })
  expect(problem).not.toContain('secret')
})

test('another table takes the place of ours', async () => {
  const machine = {
    placeholder: 'NAME',
    env: 'VEND_MACHINE',
    description: '',
    parse: (text: string) => text.length,
  }
  const settings = await loadSettings({ flags: {}, env: { VEND_MACHINE: 'abc' } }, { machine })
  expect(settings.machine).toBe(3)
})

test('no name is used twice', () => {
  const all: readonly Setting<unknown>[] = Object.values(settingsTable)
  for (const pick of [
    (s: Setting<unknown>) => s.flag,
    (s: Setting<unknown>) => s.env,
    (s: Setting<unknown>) => s.key,
  ]) {
    const names = all.flatMap((setting) => pick(setting) ?? [])
    expect(new Set(names).size).toBe(names.length)
  }
})
