import { mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { jsonOf, vend, type Outcome } from '../src/cli/vend-process.ts'
import { FrontEnd } from '../support/front-end.ts'
import { expectSameTree } from '../support/judge.ts'
import { makeBucket, startRadosgw } from '../support/radosgw.ts'
import { makeQueueUrl } from '../support/redis.ts'
import { noise } from '../support/tree-recipe.ts'
import { WorkerProcess } from './jobs-world.ts'

/** As many releases as each publisher brings through. */
const releasesEach = 3
const publishers = ['morning', 'evening'] as const
type Publisher = (typeof publishers)[number]

let directory = ''
let env: Readonly<Record<string, string>> = {}
let bucket: Awaited<ReturnType<typeof makeBucket>>
const running: { kill(): Promise<unknown> }[] = []

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vend-fleet-'))
  const server = await startRadosgw()
  bucket = await makeBucket(server)
  env = {
    VEND_STORE: `s3://${bucket.name}/repository?endpoint=${server.endpoint}&region=${server.region}`,
    VEND_QUEUE: await makeQueueUrl(),
    VEND_PUBLISHING: 'yes',
    AWS_ACCESS_KEY_ID: server.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
    TMPDIR: directory,
  }
}, 120_000)

afterEach(async () => {
  await Promise.all(running.splice(0).map(async (each) => each.kill()))
  await bucket[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

async function started<T extends { kill(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
  const process = await starting
  running.push(process)
  return process
}

async function here(...args: readonly string[]): Promise<Outcome> {
  return vend([...args], { cwd: directory, env })
}

async function done(...args: readonly string[]): Promise<Outcome> {
  const outcome = await here(...args)
  expect(outcome, `vend ${args.join(' ')}`).toMatchObject({ code: 0 })
  return outcome
}

async function client(...args: readonly string[]): Promise<Outcome> {
  const machine = { VEND_MACHINE: join(directory, 'machine'), TMPDIR: directory }
  return vend([...args], { cwd: directory, env: machine, program: 'vend-client' })
}

function tree(version: number, by: Publisher): string {
  return join(directory, `${by}-${version}`)
}

/** Some files that every release has, some that change a little, and one that is new. */
function grow(version: number, by: Publisher): string {
  const root = tree(version, by)
  mkdirSync(join(root, 'share'), { recursive: true })
  for (let i = 0; i < 12; i++) writeFileSync(join(root, 'share', `same-${i}`), noise(i, 90_000))
  const edited = noise(50, 400_000)
  edited.write(`${by} of ${version}`, 1000 * version)
  writeFileSync(join(root, 'share', 'edited'), edited)
  writeFileSync(join(root, 'share', `new-${by}-${version}`), noise(1000 + version, 120_000))
  return root
}

/** By HTTPS or, as here, on this machine: with no access to the store, until it has brought all of its releases through. */
async function publishAll(by: Publisher, to: FrontEnd, token: string): Promise<number[]> {
  const published: number[] = []
  const remote = { VEND_TOKEN_FILE: token, TMPDIR: directory }
  while (published.length < releasesEach) {
    const version = (await latestRelease()) + 1
    const args = [
      'publish',
      `base=${grow(version, by)}`,
      '--release',
      String(version),
      '--to',
      to.url,
      '--json',
    ]
    const outcome = await vend(args, { cwd: directory, env: remote })
    if (outcome.code === 0) published.push(version)
    else expect(outcome, outcome.stderr).toMatchObject({ code: 4 })
  }
  return published
}

async function latestRelease(): Promise<number> {
  const { releases } = jsonOf(await done('releases', '--json')) as {
    readonly releases: { version: number }[]
  }
  return Math.max(...releases.map(({ version }) => version))
}

/** Does one thing again and again until the signal; resolves to how often. */
async function repeat(signal: AbortSignal, once: () => Promise<unknown>): Promise<number> {
  let times = 0
  for (; !signal.aborted; times++) await once()
  return times
}

test(
  'three front ends, three workers and two publishers at once, on one bucket and one queue, while garbage is collected ' +
    'and processes are killed: every release is whole',
  { timeout: 600_000 },
  async () => {
    await done('init')
    await done('publish', `base=${grow(1, 'morning')}`, '--release', '1')
    const tokens = await Promise.all(
      publishers.map(async (by) => {
        const file = join(directory, `${by}.token`)
        const grants = ['--publish', 'modules=base', '--channels', 'stable']
        await done('token', 'create', by, ...grants, '--expires', '1d', '--write', file)
        return file
      }),
    )
    const frontEnds = await Promise.all([1, 2, 3].map(async () => started(FrontEnd.start(directory, env))))
    const [first, second, third] = frontEnds as [FrontEnd, FrontEnd, FrontEnd]
    const workers = await Promise.all(
      [1, 2, 3].map(async () => started(WorkerProcess.start(directory, env, []))),
    )
    const root = join(directory, 'keys', 'root.json')
    expect(await client('init', third.url, '--trust', root)).toMatchObject({ code: 0 })

    const over = new AbortController()
    const collecting = repeat(over.signal, async () =>
      done('gc', '--keep-last', '2', '--grace', '0s', '--quarantine', '0s'),
    )
    const checking = repeat(over.signal, async () => done('job', 'run', 'verify'))
    const updating = repeat(over.signal, async () => {
      expect(await client('update')).toMatchObject({ code: 0 })
    })
    const accidents = (async () => {
      await sleep(5000)
      await workers[0]?.kill()
      await started(WorkerProcess.start(directory, env, []))
    })()
    const published = await Promise.all([
      publishAll('morning', first, tokens[0] ?? ''),
      publishAll('evening', second, tokens[1] ?? ''),
    ]).finally(() => over.abort())
    const times = await Promise.all([collecting, checking, updating])
    await accidents

    const versions = published.flat().sort((a, b) => a - b)
    expect(new Set(versions).size).toBe(2 * releasesEach)
    expect(times.every((count) => count > 0)).toBe(true)
    await done('verify')
    expect(await client('update')).toMatchObject({ code: 0 })
    const latest = versions.at(-1) ?? 0
    const by = publishers.find((_, index) => published[index]?.includes(latest)) ?? 'morning'
    expectSameTree(tree(latest, by), join(directory, 'machine', 'roots', activeSlot()))
    await done('audit')
  },
)

function activeSlot(): string {
  return basename(readlinkSync(join(directory, 'machine', 'root')))
}
