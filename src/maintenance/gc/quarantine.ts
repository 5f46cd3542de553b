import * as z from 'zod'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { canonicalJson } from '../../../manifests/canonical-json.ts'
import type { Digest } from '../../../manifests/digest.ts'
import { formatVersion, readDocument } from '../../../manifests/document.ts'
import { digestField, instantField, naturalField } from '../../../manifests/fields.ts'
import { versionField } from '../../../manifests/names.ts'
import type { BlobReader, BlobStore, CallOptions } from '../../../storage/blob-store.ts'
import { isDamage } from '../../repository/is-damage.ts'
import { quarantinePrefix } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { garbageReasons, type GarbageReason } from './garbage.ts'

/** A run of the collector that has condemned something, or retired. */
export interface RunDocument {
  readonly run: string
  /** By the collector's clock; for people. */
  readonly started: string
  readonly retired: readonly RetiredRelease[]
}

export interface RetiredRelease {
  readonly version: number
  /** Of its document, which stays. */
  readonly digest: Digest
  readonly bytes: number
}

/** One key that a run condemned. */
export interface Sentence {
  readonly key: string
  readonly bytes: number
  readonly why: GarbageReason
}

/** As many sentences as one document has at the most. */
export const maxSentences = 10_000

/** Ten thousand of the longest lines. */
const maxPartBytes = maxSentences * 600

const runSchema = z.strictObject({
  format: z.literal(formatVersion),
  retired: z.array(z.strictObject({ bytes: naturalField, digest: digestField, version: versionField })),
  run: z.string(),
  started: instantField,
})

const runDocument = {
  name: 'collection',
  schema: runSchema,
  decode: ({ format: _format, ...run }: z.output<typeof runSchema>): RunDocument => run,
  encode: encodeRun,
}

function encodeRun({ run, started, retired }: RunDocument): string {
  const releases = retired.map(({ version, digest, bytes }) => ({ version, digest, bytes }))
  return canonicalJson({ format: formatVersion, retired: releases, run, started })
}

/** `20261124T033106Z-4f2a`: runs sort by when they began, by the clocks of those who ran them. */
export function newRunName(now: Date, random: string): string {
  return `${now.toISOString().replaceAll(/[-:]|\.\d+/g, '')}-${random}`
}

/** Resolves to the time, by the store's clock. */
export async function writeRun(store: BlobStore, run: RunDocument, options: CallOptions): Promise<Date> {
  const key = runKey(run.run)
  await store.put(key, Buffer.from(encodeRun(run)), { ...options, contentType: 'application/json' })
  return (await store.stat(key, options))?.modified ?? new Date()
}

export async function readRun(
  store: BlobReader,
  run: string,
  options: CallOptions,
): Promise<RunDocument | undefined> {
  const blob = await readBlob(store, runKey(run), options)
  return blob === undefined ? undefined : readDocument(blob.bytes, runDocument)
}

export async function writeSentences(
  store: BlobStore,
  run: string,
  part: number,
  sentences: readonly Sentence[],
  options: CallOptions,
): Promise<void> {
  const text = sentences.map(({ key, bytes, why }) => `${key} ${bytes} ${why}\n`).join('')
  await store.put(partKey(run, part), zstdCompressSync(Buffer.from(text)), options)
}

/** Empty where it cannot be read: what it condemned is condemned again. */
export async function readSentences(
  store: BlobReader,
  key: string,
  options: CallOptions,
): Promise<readonly Sentence[]> {
  try {
    const blob = await readBlob(store, key, { ...options, maxBytes: maxPartBytes })
    if (blob === undefined) return []
    const text = zstdDecompressSync(blob.bytes, { maxOutputLength: maxPartBytes }).toString()
    return text.split('\n').flatMap((line) => {
      const [, condemned, bytes, why] = /^(\S+) (\d+) ([a-z-]+)$/.exec(line) ?? []
      const reason = garbageReasons.find((one) => one === why)
      return condemned === undefined || reason === undefined
        ? []
        : [{ key: condemned, bytes: Number(bytes), why: reason }]
    })
  } catch (error) {
    if (isDamage(error) || (error as NodeJS.ErrnoException).code?.startsWith('ZSTD_') === true) return []
    throw error
  }
}

/** What lies below `private/quarantine/`, by run, in the order of their names. */
export interface FoundRun {
  readonly run: string
  /** When its document was written, by the store's clock; undefined: it has none. */
  readonly written: Date | undefined
  /** In order. */
  readonly parts: readonly { readonly key: string; readonly written: Date }[]
}

export async function listRuns(store: BlobReader, options: CallOptions): Promise<readonly FoundRun[]> {
  const runs = new Map<
    string,
    { run: string; written: Date | undefined; parts: { key: string; written: Date }[] }
  >()
  for await (const { key, modified } of store.list(quarantinePrefix, options)) {
    const [run = '', name = ''] = key.slice(quarantinePrefix.length).split('/')
    const found = runs.get(run) ?? { run, written: undefined, parts: [] }
    runs.set(run, found)
    if (name === 'run.json') found.written = modified
    else if (/^\d{6}\.keys\.zst$/.test(name)) found.parts.push({ key, written: modified })
  }
  return [...runs.values()]
}

export function runKey(run: string): string {
  return `${quarantinePrefix}${run}/run.json`
}

function partKey(run: string, part: number): string {
  return `${quarantinePrefix}${run}/${String(part).padStart(6, '0')}.keys.zst`
}
