import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { counterStream } from '../../support/byte-recipes.ts'
import { outcomeOf, startVend, vend, type Outcome } from './vend-process.ts'

let directory = ''
let scratch = ''

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vend-serve-packs-'))
  scratch = join(directory, 'scratch')
  mkdirSync(scratch)
  mkdirSync(join(directory, 'tree'))
  await succeed('init')
  for (const release of ['1', '2']) {
    writeFileSync(
      join(directory, 'tree/file'),
      Buffer.concat([counterStream('serve', 200_000), Buffer.from(release)]),
    )
    await succeed('publish', 'base=tree', '--release', release)
  }
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

async function succeed(...args: readonly string[]): Promise<void> {
  expect(await vend(args, { cwd: directory })).toMatchObject({ code: 0 })
}

class Server implements AsyncDisposable {
  readonly url: string
  readonly #child: ReturnType<typeof startVend>
  readonly #outcome: Promise<Outcome>

  private constructor(child: ReturnType<typeof startVend>, outcome: Promise<Outcome>, url: string) {
    this.#child = child
    this.#outcome = outcome
    this.url = url
  }

  static async start(...args: readonly string[]): Promise<Server> {
    const env = { TMPDIR: scratch }
    const child = startVend(['serve', '--listen', '0', ...args], { cwd: directory, env })
    const outcome = outcomeOf(child)
    for (let text = ''; ;) {
      text += String((await once(child.stderr, 'data'))[0])
      const url = /vend: serving .* on (http:\S+)/.exec(text)?.[1]
      if (url !== undefined) return new Server(child, outcome, url)
    }
  }

  /** The path of the pack from a release to a release. */
  async pack(from: number, to: number): Promise<string> {
    const [old, next] = await Promise.all([from, to].map(async (version) => this.#manifest(version)))
    return `${this.url}/packs/${next}/${old}.pack`
  }

  async #manifest(version: number): Promise<string> {
    const response = await fetch(`${this.url}/v1/releases/${version}/modules/base`)
    const { manifest } = (await response.json()) as { manifest: { digest: string } }
    return manifest.digest.slice('sha256:'.length)
  }

  async stop(): Promise<Outcome> {
    this.#child.kill('SIGTERM')
    return this.#outcome
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

async function codeOf(response: Response): Promise<string> {
  return ((await response.json()) as { code: string }).code
}

test('serve builds the pack that is asked for, unless told not to', async () => {
  {
    await using server = await Server.start('--packs-on-demand', 'no')
    expect(await codeOf(await fetch(await server.pack(1, 2)))).toBe('OBJECT_UNKNOWN')
  }
  {
    await using server = await Server.start('--packs-max-content', '300kB')
    expect(await codeOf(await fetch(await server.pack(1, 2)))).toBe('PACK_REFUSED')
  }
  await using server = await Server.start()
  const path = await server.pack(1, 2)
  expect(await codeOf(await fetch(path))).toBe('PACK_BEING_BUILT')
  await expect.poll(async () => (await fetch(path)).status, { timeout: 60_000, interval: 100 }).toBe(200)
})

test('SIGTERM ends a build with the server, and its scratch is gone', async () => {
  const server = await Server.start()
  const path = await server.pack(2, 1)
  expect(await codeOf(await fetch(path))).toBe('PACK_BEING_BUILT')
  await expect.poll(() => readdirSync(scratch).length).toBe(1)
  const { code, stderr } = await server.stop()
  expect(code).toBe(0)
  expect(stderr).toContain('pack given up: the server closes')
  expect(readdirSync(scratch)).toEqual([])
})
