import { digestFromHex, type Digest } from '../../../manifests/digest.ts'
import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { BlobNotFoundError } from '../../../storage/errors.ts'
import { isDamage } from '../../repository/is-damage.ts'
import { packPrefix } from '../../repository/layout.ts'
import { packProblem } from '../check-packs.ts'
import type { MirrorTarget } from './mirror-target.ts'
import { readerOf, type Scratch } from './scratch.ts'

export interface CopiedPacks {
  packs: number
  packBytes: number
}

export interface PackOptions extends CallOptions {
  readonly scratch: Scratch
  /** Bytes of content of a manifest; undefined when it is not wanted. */
  readonly contentBytesOf: (manifest: Digest) => number | undefined
  readonly onNote: (note: string) => void
}

/** A pack larger than the content that it makes is of no use to anybody. */
const roomBytes = 1 << 20

/**
 * Copies the packs of these keys that the target lacks and the source has. Each is read as `vend verify` reads it; one
 * that is damaged is left where it is, since machines go by chunks.
 */
export async function copyPacks(
  source: BlobReader,
  target: MirrorTarget,
  keys: Iterable<string>,
  options: PackOptions,
): Promise<CopiedPacks> {
  const copied = { packs: 0, packBytes: 0 }
  for (const key of keys) {
    options.signal?.throwIfAborted()
    const bytes = (await target.has(key)) ? 0 : await copyPack(source, target, key, options)
    if (bytes === 0) continue
    copied.packs++
    copied.packBytes += bytes
  }
  return copied
}

/** The manifest that a pack leads to; undefined for what is no pack's key. */
export function packTarget(key: string): Digest | undefined {
  const hex = /^([0-9a-f]{64})\/[0-9a-f]{64}\.pack$/.exec(key.slice(packPrefix.length))?.[1]
  return hex === undefined || !key.startsWith(packPrefix) ? undefined : digestFromHex(hex)
}

/** Resolves to 0 where there is none to be had. */
async function copyPack(
  source: BlobReader,
  target: MirrorTarget,
  key: string,
  { scratch, contentBytesOf, signal, onNote }: PackOptions,
): Promise<number> {
  const to = packTarget(key)
  const contentBytes = to === undefined ? undefined : contentBytesOf(to)
  if (contentBytes === undefined) return 0
  try {
    const maxBytes = 2 * contentBytes + roomBytes
    const spooled = await scratch.spool(source, key, { signal, maxBytes })
    const reader = readerOf(spooled, source.name)
    const problem = await packProblem(reader, key, { signal })
    if (problem === undefined) await target.put(key, spooled)
    else onNote(`${source.name}: ${key} is damaged, and left out: ${problem}`)
    await scratch.remove(spooled)
    return problem === undefined ? spooled.bytes : 0
  } catch (error) {
    // Packs come and go: nothing promises one.
    if (error instanceof BlobNotFoundError) return 0
    if (!isDamage(error)) throw error
    onNote(`${error.message}: the pack is left out`)
    return 0
  }
}
