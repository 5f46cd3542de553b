import { setImmediate } from 'node:timers/promises'
import type { PackHeader } from '../pack/pack-header.ts'
import type { PackReader } from '../pack/pack-reader.ts'
import type { ContentsTarget } from './contents-target.ts'
import { manifestGroups } from './make-manifest.ts'

/** Applies all of a pack but its manifest; in between, others have their turn. Throws a PackError. */
export async function applyContents(
  reader: PackReader,
  target: ContentsTarget,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const [from, to] of contentRuns(reader.header)) {
    await setImmediate()
    signal?.throwIfAborted()
    reader.apply(target, from, to)
  }
}

/** The groups that belong together, from each that begins afresh to the next. */
function contentRuns(header: PackHeader): [from: number, to: number][] {
  const { groups } = header
  const starts = groups.flatMap(({ fresh }, group) => (fresh && group >= manifestGroups(header) ? group : []))
  return starts.map((start, index) => [start, starts[index + 1] ?? groups.length])
}

/** Bytes of contents that the pack makes. */
export function contentBytesOf(header: PackHeader): number {
  return header.groups.slice(manifestGroups(header)).reduce((sum, { targetBytes }) => sum + targetBytes, 0)
}
