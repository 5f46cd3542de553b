/**
 * What collecting garbage takes of a store of a million chunks and 200 releases: `node bench/gc.ts [--chunks N]
 * [--releases N] [--entries N]`. Prints Markdown. The repository and its metadata are real; the chunks are empty files, as no
 * collector reads one. Each step is a process of its own.
 */
import { hash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { zstdCompressSync } from 'node:zlib'
import { digestFromHex, digestOf } from '../manifests/digest.ts'
import { noXattrs, type Entry } from '../manifests/entry.ts'
import { encodeManifest, type ChunkRef } from '../manifests/manifest.ts'
import { encodeRelease, releaseTargetPath, type ReleaseModule } from '../manifests/release.ts'
import { channelTargetPath, encodeChannel } from '../manifests/channel.ts'
import { rootPath, type TreePath } from '../manifests/tree-path.ts'
import { collectGarbage } from '../src/maintenance/gc/collect-garbage.ts'
import type { CollectionReport } from '../src/maintenance/gc/collection-report.ts'
import { commit } from '../src/repository/commit.ts'
import { createRepository } from '../src/repository/create-repository.ts'
import { chunkKey, manifestKey } from '../src/repository/layout.ts'
import { nextChannel } from '../src/repository/next-channel.ts'
import { loadState } from '../src/repository/repository-state.ts'
import { KeyRing } from '../src/trust/key-ring.ts'
import { FilesystemStore } from '../storage/filesystem-store.ts'
import { MeteredStore, type StoreOperation } from '../storage/metered-store.ts'
import { markdownTable } from './markdown-table.ts'

const scratch = join(import.meta.dirname, 'made', 'gc')
const modules = 5
/** One release in ten stays. */
const keptShare = 10
const chunkBytes = 200_000

const weekMs = 7 * 86_400_000

const steps = {
  'mark all (dry run)': { retires: false, quarantineMs: weekMs, dryRun: true },
  'retire and condemn': { retires: true, quarantineMs: weekMs, dryRun: false },
  sweep: { retires: true, quarantineMs: 1, dryRun: false },
  'nothing to do': { retires: true, quarantineMs: 1, dryRun: false },
} as const

interface Measured {
  readonly wallSeconds: number
  readonly cpuSeconds: number
  readonly peakBytes: number
  readonly calls: Readonly<Partial<Record<StoreOperation, number>>>
  readonly report: CollectionReport
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      chunks: { type: 'string', default: '1000000' },
      releases: { type: 'string', default: '200' },
      entries: { type: 'string', default: '40000' },
    },
  })
  const [step] = positionals
  if (step !== undefined) {
    process.stdout.write(
      JSON.stringify(await collect(steps[step as keyof typeof steps], Number(values.releases))),
    )
    return
  }
  rmSync(scratch, { recursive: true, force: true })
  try {
    await make({
      chunks: Number(values.chunks),
      releases: Number(values.releases),
      entries: Number(values.entries),
    })
    print(Object.keys(steps).map((name) => [name, measure(name, values.releases)]))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Releases of five modules, each of which loses a tenth of its chunks from one to the next, and gets as many others. */
async function make(size: {
  readonly chunks: number
  readonly releases: number
  readonly entries: number
}): Promise<void> {
  const begun = performance.now()
  const first = Math.floor(size.chunks / (1 + (size.releases - 1) / 10) / modules)
  const contents = Array.from({ length: modules }, () => Array.from({ length: first }, nextChunk))
  const store = new FilesystemStore(join(scratch, 'repository'))
  const context = { store, keys: new KeyRing(join(scratch, 'keys')), now: new Date() }
  await createRepository(context)
  const releases = new Map<string, Buffer>()
  for (let version = 1; version <= size.releases; version++) {
    const named: Record<string, ReleaseModule> = {}
    for (const [index, chunks] of contents.entries()) {
      if (version > 1)
        for (let i = 0; i < first / 10; i++) chunks[(version * 7919 + i * 11) % first] = nextChunk()
      named[`module-${index}`] = await storeModule(store, `module-${index}`, chunks, size.entries / modules)
    }
    const release = { version, created: '2026-01-01T00:00:00Z', modules: named }
    releases.set(releaseTargetPath(version), Buffer.from(encodeRelease(release)))
  }
  const rollout = { now: undefined, since: context.now }
  const channel = nextChannel({ channel: 'stable', version: size.releases, rollout }, undefined, context.now)
  const channels = new Map([[channelTargetPath('stable'), Buffer.from(encodeChannel(channel))]])
  await commit(context, await loadState(store), { releases, channels })
  while (made < size.chunks) nextChunk()
  process.stderr.write(`made ${made} chunks in ${Math.round((performance.now() - begun) / 1000)} s\n`)
}

let made = 0
const directories = new Set<string>()

function nextChunk(): ChunkRef {
  const digest = digestFromHex(hash('sha256', `chunk ${made++}`))
  const path = join(scratch, 'repository', chunkKey(digest))
  const directory = dirname(path)
  if (!directories.has(directory)) mkdirSync(directory, { recursive: true })
  directories.add(directory)
  closeSync(openSync(path, 'w'))
  return { digest, size: chunkBytes }
}

async function storeModule(
  store: FilesystemStore,
  module: string,
  chunkTable: readonly ChunkRef[],
  files: number,
): Promise<ReleaseModule> {
  const metadata = { mode: 0o755, uid: 0, gid: 0, mtime: { seconds: 0, nanos: 0 }, xattrs: noXattrs }
  const size = Math.floor((chunkTable.length * chunkBytes) / files)
  const entries: Entry[] = [{ type: 'directory', path: rootPath, ...metadata }]
  for (let file = 0; file < files; file++) {
    const path = `file-${String(file).padStart(7, '0')}` as TreePath
    const digest = digestFromHex(hash('sha256', `file ${file}`))
    entries.push({ type: 'file', path, ...metadata, size, digest, offset: file * size })
  }
  const last = entries.at(-1)
  if (last?.type === 'file')
    entries[entries.length - 1] = { ...last, size: chunkTable.length * chunkBytes - last.offset }
  const plain = encodeManifest({ module, chunking: 'fastcdc-64k-256k-1m', chunkTable, entries })
  const manifest = { digest: digestOf(plain), bytes: plain.length }
  await store.put(manifestKey(manifest.digest), zstdCompressSync(plain))
  return { manifest, includes: [], entries: entries.length, contentBytes: chunkTable.length * chunkBytes }
}

function measure(step: string, releases: string): Measured {
  const child = spawnSync(process.execPath, [import.meta.filename, step, '--releases', releases], {
    maxBuffer: 1 << 28,
  })
  process.stderr.write(child.stderr)
  if (child.status !== 0) throw new Error(`${step} ended with ${String(child.status ?? child.signal)}`)
  return JSON.parse(child.stdout.toString()) as Measured
}

async function collect(step: (typeof steps)[keyof typeof steps], releases: number): Promise<Measured> {
  const begun = performance.now()
  const store = new MeteredStore(new FilesystemStore(join(scratch, 'repository')))
  const context = { store, keys: new KeyRing(join(scratch, 'keys')), now: new Date() }
  const report = await collectGarbage(context, {
    policy: { keepLast: step.retires ? Math.ceil(releases / keptShare) : undefined, pins: [] },
    graceMs: 0,
    quarantineMs: step.quarantineMs,
    dryRun: step.dryRun,
  })
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const operations: StoreOperation[] = [
    'get',
    'stat',
    'list',
    'put',
    'create',
    'replace',
    'delete',
    'deleteMany',
  ]
  return {
    wallSeconds: (performance.now() - begun) / 1000,
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    peakBytes: maxRSS * 1024,
    calls: Object.fromEntries(operations.map((operation) => [operation, store.totals(operation).calls])),
    report,
  }
}

function print(measured: readonly (readonly [string, Measured])[]): void {
  const rows = measured.map(([name, { wallSeconds, cpuSeconds, peakBytes, calls, report }]) => {
    const { reachable, condemned, swept, fences } = report
    const writes = (calls.put ?? 0) + (calls.create ?? 0) + (calls.replace ?? 0)
    return [
      name,
      wallSeconds.toFixed(1),
      cpuSeconds.toFixed(1),
      (peakBytes / 2 ** 20).toFixed(0),
      ...[reachable.chunks, condemned.chunk.objects, swept.chunk.objects, fences].map(String),
      ...[calls.get, calls.stat, calls.list, writes, calls.delete, calls.deleteMany].map(String),
    ] as const
  })
  const head = ['step', 's', 'CPU s', 'peak MiB', 'chunks needed', 'condemned', 'removed', 'fences'] as const
  const calls = ['get', 'stat', 'list', 'writes', 'delete', 'deleteMany'] as const
  process.stdout.write(markdownTable([...head, ...calls], rows))
}

await main()
