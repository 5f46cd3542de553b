import * as z from 'zod'
import { canonicalJson } from '../../../manifests/canonical-json.ts'
import { nameField, versionField } from '../../../manifests/names.ts'
import type { BlobStore } from '../../../storage/blob-store.ts'
import type { PublishNeed } from '../../access/need.ts'
import { leaseKey, leasePrefix } from '../../repository/layout.ts'
import type { Repository } from '../../repository/repository.ts'
import { ProblemError } from '../problem.ts'

const schema = z.strictObject({
  version: versionField,
  /** Names this attempt. */
  attempt: z.string().regex(/^[0-9a-f]{16}$/),
  started: z.iso.datetime(),
  since: z.iso.datetime().optional(),
  modules: z.array(nameField).max(10_000).optional(),
  channels: z.array(nameField).max(256).optional(),
})

/** What a publisher says when it begins, and while it goes on. */
export type BegunPublish = z.output<typeof schema>

const maxListed = 1000

/** Throws REQUEST_INVALID. */
export function parseBegunPublish(body: Buffer): BegunPublish {
  const { data, error } = schema.safeParse(parseJson(body))
  if (data !== undefined) return data
  const [issue] = error.issues
  throw new ProblemError('REQUEST_INVALID', `${issue?.path.join('.')}: ${issue?.message}`)
}

/**
 * What is certain to be needed before anything was sent: leave for the channel, and for the modules that no release had
 * before. What else changes shows in the commit.
 */
export async function needOf(
  { modules = [], channels = [] }: BegunPublish,
  repository: Repository,
): Promise<PublishNeed> {
  const latest = repository.releaseVersions().at(-1)
  const known = latest === undefined ? {} : (await repository.release(latest)).modules
  return { may: 'publish', modules: modules.filter((name) => !Object.hasOwn(known, name)), channels }
}

/** Writes the lease; resolves to the time of the store's clock. */
export async function writeLease(
  store: BlobStore,
  { version, attempt, started, since }: BegunPublish,
): Promise<Date> {
  const key = leaseKey(version, attempt)
  await store.put(key, Buffer.from(canonicalJson({ attempt, since, started, version })))
  // The answer to a write may have this machine's clock.
  return (await store.stat(key))?.modified ?? new Date()
}

/** The names of the leases that there are, such as 0123456789abcdef-12. */
export async function listLeases(store: BlobStore): Promise<string[]> {
  const names: string[] = []
  for await (const { key } of store.list(leasePrefix)) {
    names.push(key.slice(leasePrefix.length, -'.json'.length))
    if (names.length === maxListed) break
  }
  return names
}

/** Only of a publish that can come to nothing any more. Throws FORBIDDEN. */
export async function endLease(store: BlobStore, name: string, repository: Repository): Promise<void> {
  const [attempt = '', version] = name.split('-')
  const latest = repository.releaseVersions().at(-1) ?? 0
  if (Number(version) > latest) {
    throw new ProblemError('FORBIDDEN', `the publish of ${version} may still go on: the latest is ${latest}`)
  }
  await store.delete(leaseKey(Number(version), attempt))
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new ProblemError('REQUEST_INVALID', 'the body is not JSON', { cause })
  }
}
