import {
  MetaFile,
  Metadata,
  Signature,
  type Root,
  type Snapshot,
  type Targets,
  type Timestamp,
} from '@tufjs/models'
import { hash } from 'node:crypto'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'
import type { Signer } from './signer.ts'

export type SignedRole = Root | Targets | Snapshot | Timestamp

/** Metadata and the bytes it is stored as. */
export interface SignedMetadata<Role extends SignedRole = SignedRole> {
  readonly metadata: Metadata<Role>
  readonly bytes: Buffer
}

/** One signature by each signer. */
export async function signMetadata<Role extends SignedRole>(
  signed: Role,
  signers: readonly Signer[],
): Promise<SignedMetadata<Role>> {
  const metadata = new Metadata(signed)
  await addSignatures(metadata, signers)
  return { metadata, bytes: bytesOf(metadata) }
}

/** Adds to the signatures that are there; one of the same key is replaced. */
export async function addSignatures(
  metadata: Metadata<SignedRole>,
  signers: readonly Signer[],
): Promise<void> {
  const data = signedBytes(metadata.signed)
  // One after the other: each may ask a person.
  for (const signer of signers) metadata.signatures[signer.key.keyID] = await signer.sign(data)
}

/** As metadata is stored: with its signatures in order of their key ids. */
export function bytesOf(metadata: Metadata<SignedRole>): Buffer {
  const sorted = Object.entries(metadata.signatures).sort(([a], [b]) => (a < b ? -1 : 1))
  metadata.signatures = Object.fromEntries(sorted)
  return Buffer.from(canonicalJson(metadata.toJSON() as JsonValue))
}

/** The bytes that signatures are over, as @tufjs/models makes them, whose `sign` cannot wait for an answer. */
function signedBytes(signed: SignedRole): Uint8Array {
  let bytes: Uint8Array = Buffer.alloc(0)
  new Metadata(signed).sign((data) => {
    bytes = data
    return new Signature({ keyID: '', sig: '' })
  })
  return bytes
}

/** How a snapshot or timestamp refers to other metadata: by version, length and digest. */
export function describeMetadata({ metadata, bytes }: SignedMetadata): MetaFile {
  return new MetaFile({
    version: metadata.signed.version,
    length: bytes.length,
    hashes: { sha256: hash('sha256', bytes, 'hex') },
  })
}
