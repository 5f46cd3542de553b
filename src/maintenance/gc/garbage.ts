import { digestFromHex, type Digest } from '../../../manifests/digest.ts'
import { chunkHexOf, chunkPrefix, manifestHexOf, packPrefix } from '../../repository/layout.ts'
import type { Reachable } from './reachable.ts'

/** Everything that may ever be removed lies below one of these; in byte order. */
export const collectedPrefixes = [chunkPrefix, 'manifests/', packPrefix, 'private/sketches/'] as const

export const garbageKinds = ['chunk', 'manifest', 'pack', 'sketches'] as const
export type GarbageKind = (typeof garbageKinds)[number]

export const garbageReasons = ['unnamed', 'target-gone', 'basis-gone'] as const

/**
 * `unnamed`: no release that is listed names it. Of packs: `target-gone`: no release that is listed has what it makes;
 * `basis-gone`: none has what it begins from, and such packs are not to be kept.
 */
export type GarbageReason = (typeof garbageReasons)[number]

export interface Pack {
  /** Undefined: from nothing. */
  readonly from: Digest | undefined
  readonly to: Digest
}

export function kindOf(key: string): GarbageKind {
  if (key.startsWith(chunkPrefix)) return 'chunk'
  if (key.startsWith('manifests/')) return 'manifest'
  return key.startsWith(packPrefix) ? 'pack' : 'sketches'
}

/** Why a key is garbage; undefined: it is none, or nobody knows what it is. */
export function garbageReasonOf(
  key: string,
  { chunks, manifests }: Pick<Reachable, 'chunks' | 'manifests'>,
  { dropOldPacks }: { readonly dropOldPacks: boolean },
): GarbageReason | undefined {
  const chunk = chunkHexOf(key)
  if (chunk !== undefined) return chunks.has(digestFromHex(chunk)) ? undefined : 'unnamed'
  const manifest = manifestHexOf(key) ?? /^private\/sketches\/([0-9a-f]{64})\.zst$/.exec(key)?.[1]
  if (manifest !== undefined) return manifests.has(digestFromHex(manifest)) ? undefined : 'unnamed'
  const pack = packOf(key)
  if (pack === undefined) return undefined
  if (!manifests.has(pack.to)) return 'target-gone'
  const isOld = pack.from !== undefined && !manifests.has(pack.from)
  return isOld && dropOldPacks ? 'basis-gone' : undefined
}

export function packOf(key: string): Pack | undefined {
  const [, to, from] = /^packs\/([0-9a-f]{64})\/([0-9a-f]{64})\.pack$/.exec(key) ?? []
  if (to === undefined || from === undefined) return undefined
  return { from: /^0+$/.test(from) ? undefined : digestFromHex(from), to: digestFromHex(to) }
}
