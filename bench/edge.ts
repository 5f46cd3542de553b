import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'undici'
import { openStore } from '../storage/open-store.ts'
import type { BlobStore } from '../storage/blob-store.ts'
import { createRepository } from '../src/repository/create-repository.ts'
import { timestampKey } from '../src/repository/layout.ts'
import { KeyRing } from '../src/trust/key-ring.ts'
import { makeBucket, startRadosgw, type S3Server } from '../test/support/radosgw.ts'
import { noise } from '../test/support/tree-recipe.ts'
import { markdownTable } from './markdown-table.ts'

/**
 * `node bench/edge.ts [SECONDS]`: what one front end answers in a second of processor time, with and without a cache,
 * out of a directory and out of a RADOS gateway (infra/test/start-radosgw), for the kinds of objects machines ask for.
 * Requests come by 32 connections of this process, whose processor time is not counted.
 */

const seconds = Number(process.argv[2] ?? 4)
const connections = 32
/** As many chunks as a machine asks for between two releases; each a typical one. */
const chunkCount = 200
const chunkBytes = 80_000

interface Row {
  readonly name: string
  readonly paths: readonly string[]
}

interface Setup {
  readonly name: string
  readonly settings: Readonly<Record<string, string>>
}

const setups: readonly Setup[] = [
  { name: 'no cache', settings: { VEND_CACHE: '0' } },
  { name: 'cache', settings: { VEND_CACHE: '64MiB' } },
]
const sentOn: Setup = {
  name: 'presigned',
  settings: { VEND_CACHE: '64MiB', VEND_REDIRECTS: 'chunks=presigned', VEND_REDIRECTS_FROM: '0' },
}

async function main(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'vend-edge-bench-'))
  const server = await startRadosgw()
  await using bucket = await makeBucket(server)
  try {
    const stores = [
      { name: 'directory', url: `file:${join(directory, 'repository')}`, setups },
      { name: 'S3', url: s3Url(server, bucket.name), setups: [...setups, sentOn] },
    ]
    const rows: [string, ...string[]][] = []
    for (const { name, url, setups: each } of stores) {
      const targets = await fill(url, join(directory, `keys-${name}`), s3Env(server))
      for (const setup of each) rows.push(...(await measureSetup({ name, url, server, setup, targets })))
    }
    const head = ['object', 'store', 'front end', 'requests', 'per CPU second', 'CPU ms each'] as const
    console.log(markdownTable([...head], rows))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function fill(url: string, keys: string, env: Record<string, string>): Promise<readonly Row[]> {
  await using store: BlobStore = openStore(url, { env })
  await createRepository({ store, keys: new KeyRing(keys), now: new Date() })
  const chunks = Array.from({ length: chunkCount }, (_, i) => {
    const name = i.toString(16).padStart(64, '0')
    return `chunks/${name.slice(0, 4)}/${name}.cacnk`
  })
  for (const [i, key] of chunks.entries()) await store.put(key, noise(i, chunkBytes))
  return [
    { name: `${chunkCount} chunks of ${chunkBytes / 1000} kB`, paths: chunks },
    { name: 'one chunk', paths: chunks.slice(0, 1) },
    { name: 'timestamp', paths: [timestampKey] },
  ]
}

async function measureSetup(order: {
  readonly name: string
  readonly url: string
  readonly server: S3Server
  readonly setup: Setup
  readonly targets: readonly Row[]
}): Promise<[string, ...string[]][]> {
  const { name, url, server, setup, targets } = order
  const env = { ...s3Env(server), VEND_STORE: url, VEND_LOG_LEVEL: 'error', ...setup.settings }
  const { child, url: base } = await serve(env)
  try {
    const rows: [string, ...string[]][] = []
    for (const target of targets) {
      // What is in the cache, and what V8 has made of the code, is as in a front end that runs.
      await load(base, target.paths, seconds / 2)
      const before = await cpuSeconds(child)
      const requests = await load(base, target.paths, seconds)
      const cpu = (await cpuSeconds(child)) - before
      const figures = [`${requests}`, (requests / cpu).toFixed(0), ((cpu / requests) * 1000).toFixed(3)]
      rows.push([target.name, name, setup.name, ...figures])
    }
    return rows
  } finally {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
}

async function serve(env: Record<string, string>): Promise<{ child: ChildProcess; url: string }> {
  const launcher = join(import.meta.dirname, '../src/cli/vend.mjs')
  const args = [launcher, 'serve', '--listen', '0']
  const child = spawn(process.execPath, args, {
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  for (let text = ''; ;) {
    text += String((await once(child.stderr, 'data'))[0])
    const url = /vend: serving .* on (http:\S+)/.exec(text)?.[1]
    if (url !== undefined) return { child, url }
  }
}

async function load(base: string, paths: readonly string[], forSeconds: number): Promise<number> {
  const pool = new Pool(base, { connections, pipelining: 1 })
  const end = performance.now() + forSeconds * 1000
  let requests = 0
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < end) {
        const path = `/${paths[requests++ % paths.length]}`
        const { body, statusCode } = await pool.request({ path, method: 'GET' })
        if (statusCode !== 200 && statusCode !== 307) throw new Error(`${path}: status ${statusCode}`)
        await body.dump({ limit: 2 ** 30 })
      }
    }),
  )
  await pool.close()
  return requests
}

/** User and system time of all threads; proc(5). */
async function cpuSeconds({ pid }: ChildProcess): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function s3Url({ endpoint, region }: S3Server, bucket: string): string {
  return `s3://${bucket}/vend?endpoint=${endpoint}&region=${region}`
}

function s3Env({ accessKeyId, secretAccessKey }: S3Server): Record<string, string> {
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
}

await main()
