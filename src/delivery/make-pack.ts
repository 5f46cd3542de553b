import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { CallOptions } from '../../storage/blob-store.ts'
import type { PackHeader } from '../pack/pack-header.ts'
import { mapInOrder } from '../map-in-order.ts'
import type { Repository } from '../repository/repository.ts'
import { extractContents } from './extract-contents.ts'
import type { ManifestContent } from './pack-contents.ts'
import { batchesOf } from './pack-batches.ts'
import type { BatchTask, ContentTask, MadeContent, MadeGroup } from './pack-messages.ts'
import { PackPool } from './pack-pool.ts'
import type { ManifestRef, PackPlan, PackSide } from './plan-pack.ts'

export interface PackProgress {
  readonly phase: 'reading' | 'making'
  /** Bytes of contents. */
  readonly done: number
  readonly total: number
}

export interface MakePackOptions extends CallOptions {
  /** An empty directory for contents while they are compared; the caller removes it. */
  readonly scratch: string
  /** A directory where deltas are kept from one pack to the next. */
  readonly cache?: string | undefined
  /** Default: as many as there are processors. */
  readonly threads?: number | undefined
  readonly onProgress?: ((progress: PackProgress) => void) | undefined
}

export interface MadePack {
  readonly header: PackHeader
  readonly groups: readonly MadeGroup[]
  readonly contents: readonly MadeContent[]
}

/** Makes all of a pack but its place in a store. The groups, which are what the pack is, are in memory. */
export async function makePack(
  repository: Repository,
  plan: PackPlan,
  options: MakePackOptions,
): Promise<MadePack> {
  const tasks = await extract(repository, plan, options)
  const groups: MadeGroup[] = []
  const contents: MadeContent[] = []
  const report = progressOf(plan, 'making', options)
  const batches: BatchTask[] = [
    { contents: [manifestTask(plan, options.scratch)], cache: undefined },
    ...[...batchesOf(tasks)].map((batch) => ({ contents: batch, cache: options.cache })),
  ]
  // The manifest is small: a thread of its own would take longer to start than it has work.
  const threads = Math.min(options.threads ?? availableParallelism(), Math.max(1, batches.length - 1))
  await using pool = new PackPool(threads)
  const stop = (): void => {
    void pool[Symbol.asyncDispose]()
  }
  options.signal?.throwIfAborted()
  options.signal?.addEventListener('abort', stop, { once: true })
  using _listening = { [Symbol.dispose]: () => options.signal?.removeEventListener('abort', stop) }
  const make = async (batch: BatchTask): Promise<MadeGroup[]> => {
    const made: MadeGroup[] = []
    await pool.run(batch, (reply) => {
      if (reply.kind === 'group') made.push(reply.group)
      else {
        contents.push(reply.content)
        report(reply.content.size)
      }
    })
    return made
  }
  try {
    for await (const made of mapInOrder(batches, pool.threads, make)) groups.push(...made)
  } catch (error) {
    // A pool that was closed for the signal has its own reason.
    options.signal?.throwIfAborted()
    throw error
  }
  contents.sort((a, b) => a.position - b.position)
  return { header: headerOf(plan, groups), groups, contents }
}

function headerOf({ from, to }: PackPlan, groups: readonly MadeGroup[]): PackHeader {
  return {
    kind: 'manifests',
    from: from?.ref.digest,
    to: to.ref.digest,
    groups: groups.map(({ group }) => group),
  }
}

async function extract(
  repository: Repository,
  plan: PackPlan,
  options: MakePackOptions,
): Promise<ContentTask[]> {
  const { scratch, signal } = options
  const [oldDirectory, newDirectory] = [join(scratch, 'from'), join(scratch, 'to')]
  await mkdir(oldDirectory)
  await mkdir(newDirectory)
  const fileIn =
    (directory: string) =>
    ({ position }: ManifestContent): string =>
      join(directory, String(position))
  const bases = new Map(
    plan.contents.flatMap(({ candidates }) => candidates.map(({ content }) => [content.position, content])),
  )
  const report = progressOf(plan, 'reading', options)
  const extractSide = async (
    side: PackSide,
    contents: Iterable<ManifestContent>,
    directory: string,
  ): Promise<void> => {
    await writeManifest(repository, side.ref, join(directory, 'manifest'), options)
    await extractContents(repository, side.chunkTable, [...contents], fileIn(directory), {
      signal,
      onBytes: report,
    })
  }
  if (plan.from !== undefined) await extractSide(plan.from, bases.values(), oldDirectory)
  const contents = plan.contents.map(({ content }) => content)
  await extractSide(plan.to, contents, newDirectory)
  return plan.contents.map(({ content, candidates }) => ({
    what: 'content',
    target: {
      path: fileIn(newDirectory)(content),
      position: content.position,
      size: content.size,
      digest: content.digest,
    },
    candidates: candidates.map(({ content: basis, reason }) => ({
      path: fileIn(oldDirectory)(basis),
      position: basis.position,
      size: basis.size,
      digest: basis.digest,
      reason,
    })),
  }))
}

async function writeManifest(
  repository: Repository,
  ref: ManifestRef,
  path: string,
  options: CallOptions,
): Promise<void> {
  await pipeline(repository.manifestBytes(ref, options), createWriteStream(path, { flags: 'wx' }))
}

function manifestTask({ from, to }: PackPlan, scratch: string): ContentTask {
  return {
    what: 'manifest',
    target: { path: join(scratch, 'to', 'manifest'), position: 0, size: to.ref.bytes, digest: to.ref.digest },
    candidates:
      from === undefined
        ? []
        : [
            {
              path: join(scratch, 'from', 'manifest'),
              position: 0,
              size: from.ref.bytes,
              digest: from.ref.digest,
              reason: 'manifest',
            },
          ],
  }
}

function progressOf(
  plan: PackPlan,
  phase: PackProgress['phase'],
  { onProgress }: MakePackOptions,
): (bytes: number) => void {
  const wanted = plan.contents.reduce((sum, { content }) => sum + content.size, 0)
  const bases = new Map(
    plan.contents.flatMap(({ candidates }) =>
      candidates.map(({ content }) => [content.position, content.size]),
    ),
  )
  const read = [...bases.values()].reduce((sum, size) => sum + size, 0)
  const total = phase === 'reading' ? wanted + read : wanted
  let done = 0
  return (bytes) => {
    done = Math.min(total, done + bytes)
    onProgress?.({ phase, done, total })
  }
}
