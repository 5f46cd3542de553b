import * as z from 'zod'
import { canonicalJson } from '../../manifests/canonical-json.ts'
import { formatVersion, readDocument } from '../../manifests/document.ts'
import { formatInstant, instantField, naturalField } from '../../manifests/fields.ts'
import type { BlobReader, BlobStore, CallOptions } from '../../storage/blob-store.ts'
import { BlobChangedError, BlobExistsError } from '../../storage/errors.ts'
import { readBlob, type ReadBlob } from '../repository/read-blob.ts'
import { garbageKinds, type GarbageKind } from './gc/garbage.ts'
import type { Count, Tally } from './gc/tally.ts'

/** What collections of garbage did in all, and when the last one ended: for those who watch, whoever collects. */
export interface CollectionRecord {
  readonly ended: Date
  /** Removed since the first collection that was noted. */
  readonly removed: Tally
}

export const collectionRecordKey = 'private/collected.json'

const tries = 5

const countField = z.strictObject({ bytes: naturalField, objects: naturalField })

const recordSchema = z.strictObject({
  ended: instantField,
  format: z.literal(formatVersion),
  removed: z.strictObject(
    Object.fromEntries(garbageKinds.map((kind) => [kind, countField])) as Record<
      GarbageKind,
      typeof countField
    >,
  ),
})

const recordDocument = {
  name: 'collections',
  schema: recordSchema,
  decode: ({ ended, removed }: z.output<typeof recordSchema>): CollectionRecord => ({
    ended: new Date(ended),
    removed,
  }),
  encode: ({ ended, removed }: CollectionRecord): string =>
    canonicalJson({
      ended: formatInstant(ended),
      format: formatVersion,
      removed: mapTally(removed, ({ objects, bytes }) => ({ bytes, objects })) as Record<GarbageKind, Json>,
    }),
}

type Json = { readonly bytes: number; readonly objects: number }

/** Undefined before the first collection. Throws FormatError where somebody wrote something else there. */
export async function readCollectionRecord(
  store: BlobReader,
  options: CallOptions = {},
): Promise<CollectionRecord | undefined> {
  const blob = await readBlob(store, collectionRecordKey, options)
  return blob === undefined ? undefined : readDocument(blob.bytes, recordDocument)
}

/** Adds a collection that has ended. What is there and cannot be read is replaced. */
export async function noteCollection(
  store: BlobStore,
  swept: Tally,
  ended: Date,
  options: CallOptions = {},
): Promise<void> {
  for (let tried = 1; ; tried++) {
    const blob = await readBlob(store, collectionRecordKey, options)
    const before = blob && recordIn(blob)
    const removed =
      before === undefined ? swept : mapTally(swept, (count, kind) => sum(count, before.removed[kind]))
    const bytes = Buffer.from(recordDocument.encode({ ended, removed }))
    try {
      if (blob === undefined) await store.create(collectionRecordKey, bytes, options)
      else await store.replace(collectionRecordKey, bytes, blob.info.etag, options)
      return
    } catch (error) {
      const isLate = error instanceof BlobExistsError || error instanceof BlobChangedError
      if (!isLate || tried === tries) throw error
    }
  }
}

function recordIn({ bytes }: ReadBlob): CollectionRecord | undefined {
  try {
    return readDocument(bytes, recordDocument)
  } catch {
    return undefined
  }
}

function sum(one: Count, other: Count): Count {
  return { objects: one.objects + other.objects, bytes: one.bytes + other.bytes }
}

function mapTally(tally: Tally, map: (count: Count, kind: GarbageKind) => Count): Tally {
  return Object.fromEntries(garbageKinds.map((kind) => [kind, map(tally[kind], kind)])) as unknown as Tally
}
