import type { Root, Timestamp } from '@tufjs/models'
import type { BlobReader } from '../../../storage/blob-store.ts'
import { RepositoryError } from '../../repository/errors.ts'
import { withoutFences } from '../../repository/fence.ts'
import { isDamage } from '../../repository/is-damage.ts'
import { metadataKey, timestampKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { loadState, type RepositoryState } from '../../repository/repository-state.ts'
import { TrustError } from '../../trust/errors.ts'
import type { SignedMetadata } from '../../trust/sign-metadata.ts'
import { readRoot, readSnapshot, readTargets, readTimestamp } from '../../trust/verify-metadata.ts'
import { putOptionsOf } from '../mirror/put-options.ts'
import { fromSources, putMended, type MendingContext } from './mending.ts'

export interface MetadataContext extends MendingContext {
  /** The first root that is known to be right. Default: that of the store, if it is whole. */
  readonly trustedRoot: Buffer | undefined
}

/**
 * The state of a store, after the metadata that is damaged or missing was put back where a source has it: each only when it
 * is what the metadata before it vouches for, the timestamp last, and only where the store has none that verifies.
 * What is left of it where it cannot be mended. Throws ROOT_MISMATCH and REPOSITORY_MISSING.
 */
export async function mendMetadata(
  context: MetadataContext,
): Promise<{ readonly state: RepositoryState } | { readonly problem: string }> {
  const { store, trustedRoot, signal } = context
  const before = await whole(store, context)
  if (before !== undefined) return { state: before }
  const roots = await mendRoots(context)
  const last = roots?.at(-1)
  if (roots === undefined || last === undefined) {
    return { problem: `the first root of ${store.name} is lost, and nobody said which it is` }
  }
  const timestamp = await ownTimestamp(context, roots)
  if (timestamp === undefined) await takeState(context, roots)
  else await mendNamed(context, timestamp.root, timestamp.timestamp)
  try {
    return { state: await loadState(store, { signal, trustedRoot }) }
  } catch (error) {
    if (!isDamage(error) && !isMissing(error)) throw error
    return { problem: error.message }
  }
}

async function whole(store: BlobReader, context: MetadataContext): Promise<RepositoryState | undefined> {
  try {
    return await loadState(store, { signal: context.signal, trustedRoot: context.trustedRoot })
  } catch (error) {
    const isOther = error instanceof TrustError && error.code === 'ROOT_MISMATCH'
    if (!isDamage(error) && !isMissing(error) && !isOther) throw error
    if (isMissing(error) && context.trustedRoot === undefined && !(await hasRoot(store, context))) throw error
    return undefined
  }
}

async function hasRoot(store: BlobReader, { signal }: MetadataContext): Promise<boolean> {
  return (await store.stat(metadataKey('root', 1), { signal })) !== undefined
}

/** The chain as far as the store has it, or had it; undefined where its beginning is lost. */
async function mendRoots(context: MetadataContext): Promise<SignedMetadata<Root>[] | undefined> {
  const first = await mendFirstRoot(context)
  if (first === undefined) return undefined
  const roots = [first]
  for (;;) {
    const next = await mendNextRoot(context, roots.at(-1) ?? first, false)
    if (next === undefined) return roots
    roots.push(next)
  }
}

async function mendFirstRoot(context: MetadataContext): Promise<SignedMetadata<Root> | undefined> {
  const { store, trustedRoot } = context
  const what = metadataKey('root', 1)
  const own = await ownBytes(context, what)
  const read = own === undefined ? undefined : attempt(() => readRoot(own, '1.root.json'))
  if (trustedRoot === undefined) return read
  if (own?.equals(trustedRoot) === true) return read
  if (read !== undefined) {
    throw new TrustError('ROOT_MISMATCH', `${store.name} begins with another root than the trusted one`, {
      hint: 'the store belongs to other keys: check VEND_STORE and VEND_KEYS',
    })
  }
  await putMended(context, { kind: 'metadata', what, from: 'the trusted root' }, trustedRoot)
  return readRoot(trustedRoot, '1.root.json')
}

/** Undefined: there is none, or none that follows. `isMissed`: also where the store has none under that number. */
async function mendNextRoot(
  context: MetadataContext,
  previous: SignedMetadata<Root>,
  isMissed: boolean,
): Promise<SignedMetadata<Root> | undefined> {
  const version = previous.metadata.signed.version + 1
  const [what, name] = [metadataKey('root', version), `${version}.root.json`]
  const own = await ownBytes(context, what)
  const read = own === undefined ? undefined : attempt(() => readRoot(own, name, previous.metadata))
  if (read !== undefined || (own === undefined && !isMissed)) return read
  const fetched = await fromSources(context, async (source) => {
    const bytes = (await readBlob(source, what, context))?.bytes
    return bytes === undefined ? undefined : readRoot(bytes, name, previous.metadata)
  })
  if (fetched === undefined) return undefined
  await putMended(context, { kind: 'metadata', what, from: fetched.from }, fetched.found.bytes)
  return fetched.found
}

/** The store's own timestamp, if a root vouches for it: the last one, or one that the store has lost. */
async function ownTimestamp(
  context: MetadataContext,
  roots: SignedMetadata<Root>[],
): Promise<
  { readonly timestamp: SignedMetadata<Timestamp>; readonly root: SignedMetadata<Root> } | undefined
> {
  const bytes = await ownBytes(context, timestampKey)
  if (bytes === undefined) return undefined
  for (let root = roots.at(-1); root !== undefined;) {
    const { metadata } = root
    const timestamp = attempt(() => readTimestamp(bytes, metadata))
    if (timestamp !== undefined) return { timestamp, root }
    const next = await mendNextRoot(context, root, true)
    if (next !== undefined) roots.push(next)
    root = next
  }
  return undefined
}

/** What the store's own timestamp names. */
async function mendNamed(
  context: MetadataContext,
  { metadata: root }: SignedMetadata<Root>,
  timestamp: SignedMetadata<Timestamp>,
): Promise<void> {
  const { snapshotMeta } = timestamp.metadata.signed
  const snapshot = await mendOne(context, metadataKey('snapshot', snapshotMeta.version), (bytes) =>
    readSnapshot(bytes, root, snapshotMeta),
  )
  const meta = snapshot?.metadata.signed.meta
  const targetsMeta = meta?.['targets.json']
  if (meta === undefined || targetsMeta === undefined) return
  const targets = await mendOne(context, metadataKey('targets', targetsMeta.version), (bytes) =>
    readTargets(bytes, 'targets', root, targetsMeta),
  )
  if (targets === undefined) return
  for (const role of ['releases', 'channels'] as const) {
    const expected = meta[`${role}.json`]
    if (expected === undefined) continue
    await mendOne(context, metadataKey(role, expected.version), (bytes) =>
      readTargets(bytes, role, targets.metadata, expected),
    )
  }
}

async function mendOne<T extends { readonly bytes: Buffer }>(
  context: MetadataContext,
  what: string,
  read: (bytes: Buffer) => T,
): Promise<T | undefined> {
  const own = await ownBytes(context, what)
  const mine = own === undefined ? undefined : attempt(() => read(own))
  if (mine !== undefined) return mine
  const fetched = await fromSources(context, async (source) => {
    const bytes = (await readBlob(source, what, context))?.bytes
    return bytes === undefined ? undefined : read(bytes)
  })
  if (fetched === undefined) return undefined
  await putMended(context, { kind: 'metadata', what, from: fetched.from }, fetched.found.bytes)
  return fetched.found
}

/** Where the store has no timestamp that verifies: the newest state that a source has, in the order of a publish. */
async function takeState(context: MetadataContext, roots: readonly SignedMetadata<Root>[]): Promise<void> {
  const { store, signal, onMended, onNote } = context
  const [first] = roots
  const states: { readonly state: RepositoryState; readonly source: BlobReader }[] = []
  for (const source of context.sources) {
    const one = { ...context, sources: [source] }
    const found = await fromSources(one, async () => loadState(source, { signal, trustedRoot: first?.bytes }))
    if (found !== undefined) states.push({ state: found.found, source })
  }
  const [newest] = states.toSorted((a, b) => versionOf(b.state) - versionOf(a.state))
  if (newest === undefined) return
  const { state, source } = newest
  const from = source.name
  onNote(
    `the timestamp of ${store.name} is lost; that of ${from}, version ${versionOf(state)}, takes its place: ` +
      'if something was published after it, machines that have seen that wait for "vend refresh"',
  )
  for (const role of ['targets', 'releases', 'channels', 'snapshot'] as const) {
    const { metadata, bytes } = state[role]
    const what = metadataKey(role, metadata.signed.version)
    const own = await ownBytes(context, what)
    if (own?.equals(bytes) !== true) await putMended(context, { kind: 'metadata', what, from }, bytes)
  }
  for (
    let root = roots.at(-1);
    root !== undefined && root.metadata.signed.version < state.root.metadata.signed.version;
  ) {
    root = await mendNextRoot({ ...context, sources: [source] }, root, true)
  }
  const bytes = Buffer.from(withoutFences(state.timestamp.bytes))
  const present = await store.stat(timestampKey, { signal })
  const options = { ...putOptionsOf(timestampKey), signal }
  // Somebody who publishes meanwhile wins.
  await (present === undefined
    ? store.create(timestampKey, bytes, options)
    : store.replace(timestampKey, bytes, present.etag, options))
  onMended({ kind: 'metadata', what: timestampKey, from })
}

function versionOf({ timestamp }: RepositoryState): number {
  return timestamp.metadata.signed.version
}

/** Undefined where there is nothing that can be read. */
async function ownBytes({ store, signal }: MetadataContext, key: string): Promise<Buffer | undefined> {
  try {
    return (await readBlob(store, key, { signal }))?.bytes
  } catch (error) {
    if (isDamage(error)) return undefined
    throw error
  }
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof TrustError) return undefined
    throw error
  }
}

function isMissing(error: unknown): error is RepositoryError {
  return error instanceof RepositoryError && error.code === 'REPOSITORY_MISSING'
}
