import { Metadata, Root, Targets, type Key } from '@tufjs/models'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import type { Draft } from '../trust/draft.ts'
import { TrustError } from '../trust/errors.ts'
import { expiryAfter, isLifetime, lifetimeMember, lifetimesOf } from '../trust/lifetime.ts'
import { shortKeyId } from '../trust/public-key.ts'
import { isDelegated, type RoleName } from '../trust/role.ts'
import { readRoot, verifies } from '../trust/verify-metadata.ts'
import { metadataKey } from './layout.ts'
import { readBlob } from './read-blob.ts'
import type { RepositoryState } from './repository-state.ts'

export type KeyChange =
  | { readonly kind: 'add'; readonly role: RoleName; readonly key: Key }
  /** `id` may be cut off behind 8 digits or more. */
  | { readonly kind: 'remove'; readonly role: RoleName; readonly id: string }
  | { readonly kind: 'threshold'; readonly role: RoleName; readonly threshold: number }
  /** For how long signatures of the role are good from the next one on. */
  | { readonly kind: 'lifetime'; readonly role: RoleName; readonly seconds: number }
  /** For another term. */
  | { readonly kind: 'renew'; readonly role: 'root' | 'targets' }

export interface ProposeContext extends CallOptions {
  readonly store: BlobReader
  readonly now: Date
}

interface RoleJson {
  keyids: string[]
  threshold: number
  [lifetimeMember]?: number
}

/** What a document says of keys, to be edited. */
interface KeysJson {
  readonly keys: Record<string, unknown>
  readonly roles: Readonly<Record<string, RoleJson>>
}

/**
 * The root and targets that keys are changed by, without signatures. Targets are part of it where their own keys
 * changed such that those that are there would verify no more. Throws DRAFT_INVALID for a change that cannot be.
 */
export async function proposeKeys(
  state: RepositoryState,
  changes: readonly KeyChange[],
  context: ProposeContext,
): Promise<Draft> {
  const base = { root: state.root.metadata, targets: state.targets.metadata }
  const ofTargets = changes.filter((change) => isOfTargets(change))
  const ofRoot = changes.filter((change) => !isOfTargets(change))
  const root = ofRoot.length === 0 ? undefined : nextRoot(base.root.signed, ofRoot, context.now)
  const isNeeded = ofTargets.length > 0 || !verifies(root ?? base.root, 'targets', base.targets)
  // Of the next root, which may have another one for targets.
  const lifetimes = lifetimesOf({ root: (root ?? base.root).signed })
  const targets = isNeeded
    ? nextTargets(
        base.targets.signed,
        ofTargets,
        expiryAfter(lifetimes.targets, context.now),
        await freeVersion(base.targets.signed, context),
      )
    : undefined
  if (root === undefined && targets === undefined) throw impossible('no change was asked for')
  return { earlierRoots: await readEarlierRoots(base.root.signed.version, context), base, root, targets }
}

function isOfTargets(change: KeyChange): boolean {
  if (change.kind === 'renew') return change.role === 'targets'
  return isDelegated(change.role)
}

function nextRoot(root: Root, changes: readonly KeyChange[], now: Date): Metadata<Root> {
  const json = structuredClone(root.toJSON()) as unknown as KeysJson & Record<string, unknown>
  json['version'] = root.version + 1
  editKeys(json, changes)
  const next = Root.fromJSON(json as Parameters<typeof Root.fromJSON>[0])
  json['expires'] = expiryAfter(lifetimesOf({ root: next }).root, now)
  return new Metadata(Root.fromJSON(json as Parameters<typeof Root.fromJSON>[0]))
}

function nextTargets(
  targets: Targets,
  changes: readonly KeyChange[],
  expires: string,
  version: number,
): Metadata<Targets> {
  const json = structuredClone(targets.toJSON()) as unknown as Record<string, unknown> & {
    readonly delegations: {
      readonly keys: Record<string, unknown>
      readonly roles: (RoleJson & { name: string })[]
    }
  }
  json['version'] = version
  json['expires'] = expires
  const { keys, roles } = json.delegations
  editKeys({ keys, roles: Object.fromEntries(roles.map((role) => [role.name, role])) }, changes)
  return new Metadata(Targets.fromJSON(json as unknown as Parameters<typeof Targets.fromJSON>[0]))
}

function editKeys({ keys, roles }: KeysJson, changes: readonly KeyChange[]): void {
  for (const change of changes) {
    if (change.kind === 'renew') continue
    const role = roles[change.role]
    if (role === undefined) throw impossible(`the repository has no role "${change.role}"`)
    if (change.kind === 'add') {
      if (role.keyids.includes(change.key.keyID))
        throw impossible(`the role "${change.role}" has that key already`)
      keys[change.key.keyID] = change.key.toJSON()
      role.keyids.push(change.key.keyID)
    } else if (change.kind === 'remove') {
      const id = findKey(change.role, role.keyids, change.id)
      role.keyids = role.keyids.filter((one) => one !== id)
    } else if (change.kind === 'threshold') role.threshold = change.threshold
    else if (isLifetime(change.seconds)) role[lifetimeMember] = change.seconds
    else
      throw impossible(`signatures of the role "${change.role}" cannot be good for ${change.seconds} seconds`)
  }
  for (const [name, { keyids, threshold }] of Object.entries(roles)) {
    if (threshold >= 1 && threshold <= keyids.length) continue
    throw impossible(`the role "${name}" would have ${keyids.length} keys and need ${threshold} of them`)
  }
  const used = new Set(Object.values(roles).flatMap(({ keyids }) => keyids))
  for (const id of Object.keys(keys)) if (!used.has(id)) delete keys[id]
}

const minIdDigits = 8

function findKey(role: RoleName, ids: readonly string[], start: string): string {
  const found = start.length < minIdDigits ? [] : ids.filter((id) => id.startsWith(start))
  const [id] = found
  if (id !== undefined && found.length === 1) return id
  const listed = ids.map(shortKeyId).join(', ')
  throw impossible(`the role "${role}" has no key "${start}"; it has ${listed}`)
}

/** A commit that died may have used numbers; this one is part of what is signed. */
async function freeVersion({ version }: Targets, { store, signal }: ProposeContext): Promise<number> {
  let free = version + 1
  while ((await store.stat(metadataKey('targets', free), { signal })) !== undefined) free++
  return free
}

async function readEarlierRoots(
  end: number,
  { store, signal }: ProposeContext,
): Promise<readonly Metadata<Root>[]> {
  const roots: Metadata<Root>[] = []
  for (let version = 1; version < end; version++) {
    const key = metadataKey('root', version)
    const blob = await readBlob(store, key, { signal })
    if (blob === undefined) throw impossible(`the store lacks its own ${key}`)
    roots.push(readRoot(blob.bytes, key, roots.at(-1)).metadata)
  }
  return roots
}

function impossible(problem: string): TrustError {
  return new TrustError('DRAFT_INVALID', problem, { hint: '"vend keys status" shows the keys of every role' })
}
