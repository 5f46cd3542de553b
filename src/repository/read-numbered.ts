import { Metadata, MetadataKind, type Snapshot, type Targets } from '@tufjs/models'
import type { BlobInfo, BlobReader, CallOptions } from '../../storage/blob-store.ts'
import type { DelegatedRoleName } from '../trust/role.ts'
import { metadataKey } from './layout.ts'
import { readBlob } from './read-blob.ts'

/** Metadata under a number, of which nothing was checked but that it has the form of its role and says that number. */
export interface Numbered<Role extends Snapshot | Targets> {
  readonly metadata: Metadata<Role>
  readonly info: BlobInfo
}

type Json = Parameters<typeof Metadata.fromJSON>[1]

/** Undefined for what cannot be read as what it should be. */
export async function readNumberedTargets(
  store: BlobReader,
  role: 'targets' | DelegatedRoleName,
  version: number,
  options: CallOptions,
): Promise<Numbered<Targets> | undefined | 'missing'> {
  const decode = (json: Json): Metadata<Targets> => Metadata.fromJSON(MetadataKind.Targets, json)
  return readNumbered(store, metadataKey(role, version), version, decode, options)
}

/** As `readNumberedTargets`. */
export async function readNumberedSnapshot(
  store: BlobReader,
  version: number,
  options: CallOptions,
): Promise<Numbered<Snapshot> | undefined | 'missing'> {
  const decode = (json: Json): Metadata<Snapshot> => Metadata.fromJSON(MetadataKind.Snapshot, json)
  return readNumbered(store, metadataKey('snapshot', version), version, decode, options)
}

async function readNumbered<Role extends Snapshot | Targets>(
  store: BlobReader,
  key: string,
  version: number,
  decode: (json: Json) => Metadata<Role>,
  options: CallOptions,
): Promise<Numbered<Role> | undefined | 'missing'> {
  const blob = await readBlob(store, key, options)
  if (blob === undefined) return 'missing'
  try {
    const metadata = decode(JSON.parse(blob.bytes.toString('utf8')) as Json)
    return metadata.signed.version === version ? { metadata, info: blob.info } : undefined
  } catch {
    return undefined
  }
}
