import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { jsonOf, outcomeOf, startVend, vend, type Outcome } from '../src/cli/vend-process.ts'
import { TestIssuer } from '../src/access/oidc/test-issuer.ts'

let directory = ''
let issuer: TestIssuer

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vend-secrets-'))
  issuer = await TestIssuer.start()
  mkdirSync(join(directory, 'tree'))
  writeFileSync(join(directory, 'tree/file'), 'x')
  for (const args of [['init'], ['publish', 'base=tree', '--release', '1']]) {
    expect(await vend(args, { cwd: directory })).toMatchObject({ code: 0 })
  }
  const rules = [{ claims: { repository: 'acme/os' }, grants: [{ may: 'watch' }] }]
  writeFileSync(
    join(directory, 'oidc.yaml'),
    JSON.stringify({ issuers: [{ issuer: issuer.url, audience: 'vend', rules }] }),
  )
})

afterAll(async () => {
  await issuer[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

/** A server, and what it says and shows of itself. */
interface Running {
  readonly url: string
  readonly commandLine: string
  readonly end: () => Promise<Outcome>
}

async function serve(): Promise<Running> {
  const args = ['serve', '--listen', '0', '--access', 'oidc.yaml', '--log-level', 'debug']
  const child = startVend(args, { cwd: directory })
  const outcome = outcomeOf(child)
  const end = async (): Promise<Outcome> => {
    child.kill('SIGTERM')
    return outcome
  }
  for (let text = ''; ;) {
    text += String((await once(child.stderr, 'data'))[0])
    const url = /vend: serving .* on (http:\S+)/.exec(text)?.[1]
    if (url === undefined) continue
    const ownFiles = `/proc/${child.pid}`
    return { url, end, commandLine: readFileSync(`${ownFiles}/cmdline`, 'latin1') }
  }
}

/** Every way in which the parts of a secret could be spelled; no part so short that it could be there by chance. */
function spellingsOf(secret: string): Set<string> {
  const length = 10
  const texts = [secret, secret.toUpperCase()]
  for (let shift = 0; shift < 3; shift++) {
    const bytes = Buffer.from(`${'x'.repeat(shift)}${secret}`)
    texts.push(bytes.toString('base64').slice(4, -4), bytes.toString('hex'))
  }
  return new Set(
    texts.flatMap((text) =>
      Array.from({ length: text.length - length + 1 }, (_, i) => text.slice(i, i + length)),
    ),
  )
}

function partsIn(text: string, spellings: ReadonlySet<string>): string[] {
  const found: string[] = []
  for (let i = 0; i + 10 <= text.length; i++) {
    const part = text.slice(i, i + 10)
    if (spellings.has(part)) found.push(part)
  }
  return found
}

/** The names and the bytes of all files below a directory. */
function everythingBelow(path: string): string {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => {
      const file = join(path, name)
      return `${name}\n${statSync(file).isFile() ? readFileSync(file, 'latin1') : ''}`
    })
    .join('\n')
}

async function show(
  url: string,
  path: string,
  headers: Record<string, string>,
  body?: string,
): Promise<string> {
  const method = body === undefined ? 'GET' : 'POST'
  const answer = await fetch(`${url}${path}`, { method, headers, ...(body !== undefined && { body }) })
  return `${answer.status} ${JSON.stringify([...answer.headers])} ${await answer.text()}`
}

test('nothing of a secret is in logs, answers, errors, the access log, JSON, command lines or the store', async () => {
  const said: Outcome[] = []
  const run = async (...args: readonly string[]): Promise<Outcome> => {
    const outcome = await vend(args, { cwd: directory })
    said.push(outcome)
    return outcome
  }
  const shown = await vend(['token', 'create', 'nightly', '--watch', '--expires', '1h'], { cwd: directory })
  const [token = ''] = /^vend_\S+$/m.exec(shown.stdout) ?? []
  const written = await run('token', 'create', 'ci', '--ingest', '--expires', '1h', '--write', 'ci.token')
  const other = readFileSync(join(directory, 'ci.token'), 'utf8').trim()
  await run(
    'token',
    'create',
    'ci',
    '--ingest',
    '--expires',
    '1h',
    '--write',
    'ci.token',
    '--json',
    '--verbose',
  )
  const jwt = await issuer.sign()
  const wrongJwt = await issuer.sign({ claims: { aud: 'somebody' } })
  const secrets = [
    token.slice(22),
    other.slice(22),
    jwt.split('.')[2] ?? '',
    jwt.split('.')[1] ?? '',
    wrongJwt.split('.')[2] ?? '',
  ]
  expect(written.code).toBe(0)
  for (const secret of secrets) expect(secret.length).toBeGreaterThan(40)

  const running = await serve()
  const answers: string[] = []
  const send = async (value: string, path = '/v1/whoami', body?: string): Promise<string> => {
    const answer = await show(running.url, path, { Authorization: value }, body)
    answers.push(answer)
    return answer
  }
  for (const good of [token, other, jwt]) expect(await send(`Bearer ${good}`)).toMatch(/^200 /)
  // Wrong, cut off, with a typing mistake, in the wrong scheme, twice, and where it does not belong.
  for (const wrong of [
    `Bearer ${wrongJwt}`,
    `Bearer ${token.slice(0, -1)}`,
    `Bearer ${token.slice(0, -8)}${'a'.repeat(8)}`,
    `Bearer ${token} ${other}`,
    `Bearer vend_${token}`,
    `Basic ${Buffer.from(`x:${token}`).toString('base64')}`,
    `Basic ${token}`,
    token,
    `Bearer ${jwt.slice(0, -4)}`,
    `Bearer ${jwt.split('.').slice(0, 2).join('.')}.`,
    `Bearer ${Buffer.from(token).toString('base64')}`,
  ]) {
    expect(await send(wrong)).toMatch(/^401 /)
  }
  for (const path of [
    `/v1/whoami?access_token=${token}`,
    `/v1/channels?token=${token}`,
    `/v1/releases/x?token=${jwt}`,
  ]) {
    expect(await send('Bearer x', path)).toMatch(/^40[01] /)
  }
  expect(await send(`Bearer ${token}`, '/v1/reports', '{}')).toMatch(/^404 /)
  issuer.fault = 'down'
  issuer.keys.splice(0, 1, await TestIssuer.makeKey('other'))
  await send(`Bearer ${await issuer.sign()}`)
  const { tokens } = jsonOf(await run('token', 'list', '--json')) as { tokens: { id: string }[] }
  for (const { id } of tokens) {
    await run('token', 'show', id)
    await run('token', 'revoke', id)
    await run('token', 'revoke', id, '--json')
  }
  await run('token', 'show', token)
  await run('token', 'revoke', token, '--verbose', '--json')
  await run('token', 'list')
  await run('access', 'log')
  await run('access', 'log', '--json')
  const { stderr, stdout } = await running.end()

  const produced = {
    log: stderr + stdout,
    commandLine: running.commandLine,
    answers: answers.join('\n'),
    commands: said.map((one) => one.stdout + one.stderr).join('\n'),
    store: everythingBelow(join(directory, 'repository')),
  }
  // What is looked for can be found, and what is looked through is not empty.
  expect(partsIn(shown.stdout, spellingsOf(secrets[0] ?? '')).length).toBeGreaterThan(40)
  for (const [name, text] of Object.entries(produced)) expect(text.length, name).toBeGreaterThan(30)
  expect(produced.store).toContain('private/tokens')
  expect(produced.store).toContain('token revoke')
  expect(produced.log).toContain('/v1/whoami')
  for (const [name, text] of Object.entries(produced)) {
    for (const secret of secrets) expect(partsIn(text, spellingsOf(secret)), name).toEqual([])
  }
}, 60_000)
