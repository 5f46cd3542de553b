import * as z from 'zod'
import { digestFromHex, digestOf, type Digest } from '../../../manifests/digest.ts'
import { digestField } from '../../../manifests/fields.ts'
import { timestampKey } from '../../repository/layout.ts'
import { ProblemError } from '../problem.ts'

/** What a publisher asks to make visible. */
export interface CommitRequest {
  /** Of the timestamp that the change was made over, without the newlines of fences. */
  readonly over: Digest
  /** All that is new, by key, the timestamp among it. */
  readonly objects: ReadonlyMap<string, Buffer>
}

/** More than two roles of 5 MB with a document each, in base64. */
export const maxCommitBytes = 24 << 20
const maxObjects = 16

const schema = z.strictObject({
  over: digestField,
  objects: z
    .array(z.strictObject({ key: z.string().max(512), base64: z.base64() }))
    .min(1)
    .max(maxObjects),
})

const hex = '[0-9a-f]{64}'
const documentKey = new RegExp(
  `^tuf/targets/(?:releases/(${hex})\\.[1-9]\\d{0,15}|channels/(${hex})\\.[a-z0-9][a-z0-9._-]{0,63})\\.json$`,
)
const metadataKey = /^tuf\/metadata\/[1-9]\d{0,15}\.(?:releases|channels|snapshot)\.json$/

/** Throws REQUEST_INVALID and COMMIT_KEY_REFUSED. */
export function parseCommitRequest(body: Buffer): CommitRequest {
  const { data, error } = schema.safeParse(parseJson(body))
  if (data === undefined) {
    const [issue] = error.issues
    throw new ProblemError('REQUEST_INVALID', `${issue?.path.join('.')}: ${issue?.message}`)
  }
  const objects = new Map<string, Buffer>()
  for (const { key, base64 } of data.objects) {
    const bytes = Buffer.from(base64, 'base64')
    if (objects.has(key)) throw keyRefused(key, 'is there twice')
    checkKey(key, bytes)
    objects.set(key, bytes)
  }
  if (!objects.has(timestampKey))
    throw keyRefused(timestampKey, 'is missing: nothing becomes visible without it')
  return { over: data.over, objects }
}

/** Only what a publish writes has a key that passes; and what its name binds is bound to it. */
function checkKey(key: string, bytes: Buffer): void {
  if (key === timestampKey || metadataKey.test(key)) return
  const [, ofRelease, ofChannel] = documentKey.exec(key) ?? []
  const named = ofRelease ?? ofChannel
  if (named === undefined) {
    throw keyRefused(key, 'is no document, no releases, channels or snapshot, and not the timestamp')
  }
  if (digestOf(bytes) !== digestFromHex(named)) throw keyRefused(key, 'has other bytes than its name says')
}

export function keyRefused(key: string, problem: string): ProblemError {
  return new ProblemError('COMMIT_KEY_REFUSED', `${JSON.stringify(key)} ${problem}`)
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new ProblemError('REQUEST_INVALID', 'the body is not JSON', { cause })
  }
}
