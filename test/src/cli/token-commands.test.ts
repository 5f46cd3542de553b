import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { tokenIdIn } from '../../../src/access/token-secret.ts'
import { vendHere, type HereOutcome } from './vend-here.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vend-token-'))
})

afterEach(() => rmSync(directory, { recursive: true, force: true }))

async function vend(...args: readonly string[]): Promise<HereOutcome> {
  return vendHere(args, { VEND_STORE: `file:${directory}/repository` })
}

async function json(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await vend(...args, '--json')
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout) as Record<string, unknown>
}

const at = (name: string): string => join(directory, name)

async function make(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await vend('token', 'create', ...args)
  expect(code, stderr).toBe(0)
  const [token = ''] = /^vend_\S+$/m.exec(stdout) ?? []
  return token
}

describe('vend token create', () => {
  test('shows a token this once', async () => {
    const grants = '--publish modules=web,base --publish modules=kernel-* --channels beta,edge --watch'
    const limits = '--requests-per-minute 60 --bytes-per-day 1.5GB'
    const token = await make('nightly', '--expires', '90d', ...`${grants} ${limits}`.split(' '))
    const id = tokenIdIn(token)
    expect(id).toBeDefined()
    const { token: shown } = await json('token', 'show', String(id))
    expect(shown).toMatchObject({
      id,
      name: 'nightly',
      state: 'good',
      grants: [
        { may: 'publish', modules: ['base', 'kernel-*', 'web'], channels: ['beta', 'edge'] },
        { may: 'watch' },
      ],
      limits: { requestsPerMinute: 60, bytesPerDay: 1.5e9 },
    })
    const { created, expires } = shown as { created: string; expires: string }
    expect(Date.parse(expires) - Date.parse(created)).toBe(90 * 86_400_000)
  })

  test('gives every other grant', async () => {
    const flags = ['ingest', 'watch', 'operate', 'administer']
    const id = tokenIdIn(await make('all', ...flags.map((may) => `--${may}`), '--expires', '1h'))
    const { token } = await json('token', 'show', String(id))
    expect(token).toMatchObject({ grants: flags.map((may) => ({ may })) })
    expect(Object.keys(token as object).sort()).toEqual([
      'created',
      'expires',
      'grants',
      'id',
      'limits',
      'name',
      'state',
    ])
  })

  test('writes a token where only its owner can read it, and shows it nowhere', async () => {
    const answer = await json(
      'token',
      'create',
      'ci',
      '--watch',
      '--expires',
      '1h',
      '--write',
      at('ci.token'),
    )
    const text = readFileSync(at('ci.token'), 'utf8')
    expect(text).toMatch(/^vend_\S+\n$/)
    expect(answer).toMatchObject({ file: at('ci.token'), token: { id: tokenIdIn(text.trim()) } })
    expect(JSON.stringify(answer)).not.toContain(text.trim().slice(22, 32))
    expect(statSync(at('ci.token')).mode & 0o777).toBe(0o600)
  })

  test('makes none where its file cannot be written', async () => {
    writeFileSync(at('there'), 'mine')
    const there = ['token', 'create', 'ci', '--watch', '--expires', '1h', '--write']
    expect(await vend(...there, at('there'))).toMatchObject({ code: 4 })
    expect(readFileSync(at('there'), 'utf8')).toBe('mine')
    expect((await vend(...there, at('no/such/directory'))).code).not.toBe(0)
    expect(await json('token', 'list')).toEqual({ tokens: [] })
  })

  test('leaves no file behind where no token was made', async () => {
    writeFileSync(at('repository'), 'no directory')
    const outcome = await vend(
      'token',
      'create',
      'ci',
      '--watch',
      '--expires',
      '1h',
      '--write',
      at('ci.token'),
    )
    expect(outcome.code).toBe(7)
    expect(existsSync(at('ci.token'))).toBe(false)
  })

  test.each<[string, string[], RegExp]>([
    ['nothing that it may', ['x', '--expires', '1h'], /what it may do is missing/],
    ['no end', ['x', '--watch'], /--expires is missing/],
    ['more than a year', ['x', '--watch', '--expires', '367d'], /--expires: .* at most 366 days/],
    ['a name of none', ['', '--watch', '--expires', '1h'], /NAME: is not a name/],
    ['a name that cannot be seen', ['a\u001b[31m', '--watch', '--expires', '1h'], /NAME: is not a name/],
    ['another form of what', ['x', '--publish', 'base', '--expires', '1h'], /write modules=base,web/],
    ['no pattern', ['x', '--channels', 'Beta', '--expires', '1h'], /"Beta" is neither a name nor a pattern/],
    ['an empty name', ['x', '--publish', 'modules=a,', '--expires', '1h'], /"" is neither a name/],
    ['--json and no file', ['x', '--watch', '--expires', '1h', '--json'], /--write/],
  ])('refuses %s', async (_, args, problem) => {
    const { code, stderr } = await vend('token', 'create', ...args)
    expect(stderr).toMatch(problem)
    expect(code).toBe(2)
    expect(await json('token', 'list')).toEqual({ tokens: [] })
  })
})

describe('vend token', () => {
  test('list shows all of them, as they are', async () => {
    const [one, other] = [
      await make('a', '--watch', '--expires', '1s'),
      await make('b', '--ingest', '--expires', '1h'),
    ]
    await vend('token', 'revoke', String(tokenIdIn(other)))
    await expect
      .poll(async () =>
        ((await json('token', 'list'))['tokens'] as { state: string }[]).map(({ state }) => state).sort(),
      )
      .toEqual(['expired', 'revoked'])
    const { stdout } = await vend('token', 'list')
    expect(stdout).toMatch(new RegExp(`^${tokenIdIn(one)}  a     expired  .*  watch$`, 'm'))
    expect(stdout).toMatch(new RegExp(`^${tokenIdIn(other)}  b     revoked  .*  ingest$`, 'm'))
  })

  test('revoke ends one, once', async () => {
    const id = String(tokenIdIn(await make('a', '--watch', '--expires', '1h')))
    const first = await json('token', 'revoke', id)
    expect(first).toMatchObject({ token: { state: 'revoked' } })
    expect(await json('token', 'revoke', id)).toEqual(first)
  })

  test.each(['show', 'revoke'])(
    '%s knows no token that is not there, and does not repeat what may be one',
    async (verb) => {
      expect(await vend('token', verb, 'a'.repeat(16))).toMatchObject({ code: 5 })
      const token = await make('a', '--watch', '--expires', '1h')
      const { code, stdout, stderr } = await vend('token', verb, token, '--verbose')
      expect(code).toBe(2)
      expect(stdout + stderr).not.toContain(token.slice(22, 32))
    },
  )
})

describe('vend access log', () => {
  test('has who made and who revoked tokens', async () => {
    const id = String(tokenIdIn(await make('a', '--watch', '--expires', '1h')))
    await vend('token', 'revoke', id)
    const { entries } = (await json('access', 'log')) as { entries: { who: string }[] }
    expect(entries).toMatchObject([
      { what: 'token create', target: id, outcome: 'done' },
      { what: 'token revoke', target: id, outcome: 'done' },
    ])
    const [{ who } = { who: '' }] = entries
    expect(who).toMatch(/^local:.+@.+$/)
    expect((await json('access', 'log', '--who', who, '--since', '1h'))['entries']).toHaveLength(2)
    expect((await json('access', 'log', '--who', 'token:x'))['entries']).toHaveLength(0)
    expect((await json('access', 'log', '--since', '9999-12-31'))['entries']).toHaveLength(0)
    const { stdout } = await vend('access', 'log', '--since', '2026-01-31T00:00:00Z')
    expect(stdout).toMatch(new RegExp(`^\\S+Z  ${who}  token create  ${id}  done  -$`, 'm'))
  })

  test.each(['yesterday', '2026-02-30', '2026-01-31T25:00:00Z', '0h', ''])(
    'refuses the time %j',
    async (time) => {
      expect(await vend('access', 'log', '--since', time)).toMatchObject({ code: 2 })
    },
  )
})

describe('vend serve', () => {
  test('says all that is wrong with the settings of OIDC, and where', async () => {
    writeFileSync(
      at('oidc.yaml'),
      'issuers:\n  - { issuer: http://x.example, audience: vend, rules: [], more: 1 }\n',
    )
    const { code, stderr } = await vend('serve', '--access', at('oidc.yaml'), '--listen', '0')
    expect(code).toBe(2)
    expect(stderr).toMatch(/oidc\.yaml: issuers\.0\.issuer: is not an https/)
    expect(stderr).toMatch(/oidc\.yaml: issuers\.0\.rules: /)
    expect(stderr).toMatch(/oidc\.yaml: issuers\.0: .*more/)
    expect(await vend('serve', '--access', at('none.yaml'), '--listen', '0')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('none.yaml') as string,
    })
  })
})
