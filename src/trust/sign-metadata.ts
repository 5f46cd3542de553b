import { MetaFile, Metadata, type Root, type Snapshot, type Targets, type Timestamp } from '@tufjs/models'
import { hash } from 'node:crypto'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'
import type { SigningKey } from './signing-key.ts'

export type SignedRole = Root | Targets | Snapshot | Timestamp

/** Metadata and the bytes it is stored as. */
export interface SignedMetadata<Role extends SignedRole = SignedRole> {
  readonly metadata: Metadata<Role>
  readonly bytes: Buffer
}

export function signMetadata<Role extends SignedRole>(
  signed: Role,
  keys: readonly SigningKey[],
): SignedMetadata<Role> {
  const metadata = new Metadata(signed)
  for (const key of keys) metadata.sign((data) => key.sign(data))
  return { metadata, bytes: Buffer.from(canonicalJson(metadata.toJSON() as JsonValue)) }
}

/** How a snapshot or timestamp refers to other metadata: by version, length and digest. */
export function describeMetadata({ metadata, bytes }: SignedMetadata): MetaFile {
  return new MetaFile({
    version: metadata.signed.version,
    length: bytes.length,
    hashes: { sha256: hash('sha256', bytes, 'hex') },
  })
}
