import { viewBytes, type ContentView } from '../delta/content-view.ts'
import { encodeDelta, encodeWhole } from '../delta/encode-delta.ts'
import { provedColumns, toColumns } from '../pack/manifest-columns.ts'
import type { ChosenDelta } from './choose-delta.ts'
import { openContent } from './open-content.ts'
import type { ContentTask } from './pack-messages.ts'

/** A manifest by its columns; undefined where it, or the one before, has none, being too large. */
export function chooseManifest(
  manifest: ContentView,
  { candidates }: ContentTask,
  partBytes: number,
): ChosenDelta | undefined {
  const plain = provedColumns(manifest.readAt(0, manifest.length))
  if (plain === undefined) return undefined
  const target = viewBytes(plain)
  const repack = { plainBytes: plain.length, recipe: new Uint8Array() }
  const [before] = candidates
  if (before === undefined) {
    const delta = encodeWhole(target, partBytes)
    return { target, repack, delta, basis: target, bases: [], [Symbol.dispose]: () => undefined }
  }
  using opened = openContent(before)
  const plainBefore = toColumns(opened.readAt(0, opened.length))
  if (plainBefore === undefined) return undefined
  const basis = viewBytes(plainBefore)
  const delta = encodeDelta(target, basis, partBytes)
  return { target, repack, delta, basis, bases: [before], [Symbol.dispose]: () => undefined }
}
