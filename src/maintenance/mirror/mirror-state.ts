import { readFileSync } from 'node:fs'
import * as z from 'zod'
import { canonicalJson } from '../../../manifests/canonical-json.ts'
import { digestOf, type Digest } from '../../../manifests/digest.ts'
import { digestField } from '../../../manifests/fields.ts'
import { nameField, versionField } from '../../../manifests/names.ts'
import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { metadataKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { loadState, type RepositoryState } from '../../repository/repository-state.ts'
import { MirrorError } from './errors.ts'
import { readPresence, type Presence } from './presence.ts'

/** What a destination has, in few words: for a source that cannot ask it. */
export interface MirrorState {
  /** Of the first root. */
  readonly root: Digest
  readonly rootVersion: number
  readonly snapshot: { readonly digest: Digest; readonly version: number }
  readonly timestamp: number
  readonly absent: Presence['absent']
}

const format = 'vend.mirror-state/1'

/** The members of a state, without its format. */
export const mirrorStateFields = {
  absent: z.strictObject({ modules: z.array(nameField), releases: z.array(versionField) }),
  root: digestField,
  rootVersion: versionField,
  snapshot: z.strictObject({ digest: digestField, version: versionField }),
  timestamp: versionField,
}

const schema = z.strictObject({ format: z.literal(format), ...mirrorStateFields })

/** As it stands in a file. */
export function encodeMirrorState(state: MirrorState): Buffer {
  return Buffer.from(`${canonicalJson({ ...mirrorStateJson(state), format })}\n`)
}

export function mirrorStateJson({ absent, root, rootVersion, snapshot, timestamp }: MirrorState) {
  return {
    absent: { modules: [...absent.modules], releases: [...absent.releases] },
    root,
    rootVersion,
    snapshot: { ...snapshot },
    timestamp,
  }
}

/** Throws MIRROR_FILE_INVALID. */
export function readMirrorState(path: string): MirrorState {
  try {
    const { format: _, ...state } = schema.parse(JSON.parse(readFileSync(path, 'utf8')))
    return state
  } catch (cause) {
    throw new MirrorError(
      'MIRROR_FILE_INVALID',
      `${path} is not the state of a mirror: ${(cause as Error).message}`,
      {
        hint: 'make one where the destination is: vend mirror DESTINATION --state FILE',
        cause,
      },
    )
  }
}

export function mirrorStateOf(state: RepositoryState, firstRoot: Buffer, presence: Presence): MirrorState {
  const { snapshot, root, timestamp } = state
  return {
    root: digestOf(firstRoot),
    rootVersion: root.metadata.signed.version,
    snapshot: { digest: digestOf(snapshot.bytes), version: snapshot.metadata.signed.version },
    timestamp: timestamp.metadata.signed.version,
    absent: presence.absent,
  }
}

/** What a store has. Throws as `loadState` does. */
export async function findMirrorState(store: BlobReader, options: CallOptions): Promise<MirrorState> {
  const state = await loadState(store, options)
  const firstRoot = (await readBlob(store, metadataKey('root', 1), options))?.bytes ?? state.root.bytes
  return mirrorStateOf(state, firstRoot, await readPresence(store, options))
}
