import {
  Metadata,
  MetadataKind,
  type Key,
  type MetaFile,
  type Root,
  type Snapshot,
  type Targets,
  type Timestamp,
} from '@tufjs/models'
import { TrustError } from './errors.ts'
import { twinKeyIds } from './public-key.ts'
import type { DelegatedRoleName, RoleName } from './role.ts'
import type { SignedMetadata } from './sign-metadata.ts'

/**
 * Checks metadata that was read from a store, each against the role that vouches for it. Machines use the full
 * client workflow of the TUF specification (tuf-js); this is what a publisher or server, which holds the store
 * itself, needs to know before it builds on what lies there. All throw a TrustError with code METADATA_INVALID.
 */

/** The next root: signed by the keys of the one before it and by its own (TUF §5.3.4). */
export function readRoot(bytes: Buffer, name: string, previous?: Metadata<Root>): SignedMetadata<Root> {
  const metadata = parse(name, () => Metadata.fromJSON(MetadataKind.Root, parseJson(bytes)))
  checked(name, () => {
    previous?.verifyDelegate('root', metadata)
    metadata.verifyDelegate('root', metadata)
    refuseTwins(metadata.signed.keys)
  })
  if (previous !== undefined && metadata.signed.version !== previous.signed.version + 1) {
    throw invalid(name, `has version ${metadata.signed.version}`)
  }
  return { metadata, bytes }
}

export function readTimestamp(bytes: Buffer, root: Metadata<Root>): SignedMetadata<Timestamp> {
  const name = 'timestamp.json'
  const metadata = parse(name, () => Metadata.fromJSON(MetadataKind.Timestamp, parseJson(bytes)))
  checked(name, () => {
    root.verifyDelegate('timestamp', metadata)
  })
  return { metadata, bytes }
}

export function readSnapshot(
  bytes: Buffer,
  root: Metadata<Root>,
  expected: MetaFile,
): SignedMetadata<Snapshot> {
  const name = 'snapshot.json'
  const metadata = parse(name, () => Metadata.fromJSON(MetadataKind.Snapshot, parseJson(bytes)))
  checked(name, () => {
    expected.verify(bytes)
    root.verifyDelegate('snapshot', metadata)
  })
  return { metadata, bytes: checkVersion(name, metadata.signed.version, expected, bytes) }
}

export function readTargets(
  bytes: Buffer,
  role: 'targets' | DelegatedRoleName,
  delegator: Metadata<Root> | Metadata<Targets>,
  expected: MetaFile,
): SignedMetadata<Targets> {
  const name = `${role}.json`
  const metadata = parse(name, () => Metadata.fromJSON(MetadataKind.Targets, parseJson(bytes)))
  checked(name, () => {
    expected.verify(bytes)
    delegator.verifyDelegate(role, metadata)
    refuseTwins(metadata.signed.delegations?.keys ?? {})
  })
  return { metadata, bytes: checkVersion(name, metadata.signed.version, expected, bytes) }
}

/** Throws when one public key stands under several ids: each would count as a signature. */
export function refuseTwins(keys: Readonly<Record<string, Key>>): void {
  const json = Object.entries(keys).map(([id, key]) => [id, key.toJSON()] as const)
  const [twins] = twinKeyIds(Object.fromEntries(json))
  if (twins !== undefined) throw new TypeError(`one key has the ids ${twins.join(' and ')}`)
}

/** Whether enough keys of the role, as a root or targets name them, have signed. */
export function verifies(
  by: Metadata<Root> | Metadata<Targets>,
  role: RoleName,
  metadata: Metadata<Root> | Metadata<Targets> | Metadata<Snapshot> | Metadata<Timestamp>,
): boolean {
  try {
    by.verifyDelegate(role, metadata)
    return true
  } catch {
    return false
  }
}

function checkVersion(name: string, version: number, expected: MetaFile, bytes: Buffer): Buffer {
  if (version !== expected.version) {
    throw invalid(name, `has version ${version} where version ${expected.version} was announced`)
  }
  return bytes
}

function parseJson(bytes: Buffer): Parameters<typeof Metadata.fromJSON>[1] {
  return JSON.parse(bytes.toString('utf8')) as Parameters<typeof Metadata.fromJSON>[1]
}

function parse<T>(name: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    throw invalid(name, `is not TUF metadata: ${(cause as Error).message}`, cause)
  }
}

function checked(name: string, run: () => void): void {
  try {
    run()
  } catch (cause) {
    throw invalid(name, `does not verify: ${(cause as Error).message}`, cause)
  }
}

function invalid(name: string, problem: string, cause?: unknown): TrustError {
  return new TrustError('METADATA_INVALID', `metadata ${name} ${problem}`, { cause })
}
