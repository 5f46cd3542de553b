import { readFileSync } from 'node:fs'
import { canonicalJson } from '../../../manifests/canonical-json.ts'
import { digestOf } from '../../../manifests/digest.ts'
import { decodeEntry, encodeEntry } from '../../../manifests/entry-line.ts'
import type { Entry, InodeEntry } from '../../../manifests/entry.ts'
import { decodeByteString, encodeByteString } from '../../../manifests/fields.ts'
import { parseTreePath, type TreePath } from '../../../manifests/tree-path.ts'
import { MachineError } from '../errors.ts'
import type { Configuration } from '../local-changes.ts'
import { isConfiguration } from '../local-changes.ts'
import type { Slot } from '../machine-layout.ts'
import type { MachineState, SlotRecord } from '../machine-state.ts'
import { writeDurably } from '../write-durably.ts'

/**
 * What the paths are like that hooks made or changed, as they left them; undefined where they removed what the release
 * has. One of an inode's names is described as a file of its own; offsets mean nothing.
 */
export type MadeByHooks = ReadonlyMap<TreePath, InodeEntry | undefined>

export const nothingMade: MadeByHooks = new Map()

/** Writes down what hooks made in a slot's root; returns what the slot's record is to say of it. */
export function recordMade(
  state: MachineState,
  slot: Slot,
  made: MadeByHooks,
): NonNullable<SlotRecord['hooks']> {
  const bytes = Buffer.from([...made].map(([path, entry]) => `${lineOf(path, entry)}\n`).join(''))
  writeDurably(state.layout.hookRecord(slot), bytes)
  return { bytes: bytes.length, digest: digestOf(bytes), paths: made.size }
}

/** What hooks made in the root of a slot. Throws MACHINE_INVALID. */
export function readMade(state: MachineState, slot: Slot, record: SlotRecord | undefined): MadeByHooks {
  if (record?.hooks === undefined) return nothingMade
  const path = state.layout.hookRecord(slot)
  try {
    const bytes = readFileSync(path)
    if (digestOf(bytes) !== record.hooks.digest) throw new Error('it is not as it was written')
    const lines = bytes.toString('utf8').split('\n').slice(0, -1)
    return new Map(lines.map(readLine))
  } catch (cause) {
    throw new MachineError('MACHINE_INVALID', `${path} is damaged: ${(cause as Error).message}`, {
      hint: 'restore it, or remove "hooks" from the record beside it: what hooks made is then taken for local changes',
      cause,
    })
  }
}

/** What lies below /etc when nobody but the release and its hooks has put anything there. */
export function withMade(configuration: Configuration, made: MadeByHooks): Configuration {
  const entries = new Map(configuration)
  for (const [path, entry] of made) {
    if (!isConfiguration(path)) continue
    if (entry === undefined) entries.delete(path)
    else entries.set(path, entry)
  }
  return entries
}

function lineOf(path: TreePath, entry: Entry | undefined): string {
  return entry === undefined ? canonicalJson({ removed: encodeByteString(path) }) : encodeEntry(entry)
}

function readLine(line: string): [TreePath, InodeEntry | undefined] {
  if (line.startsWith('{"removed":')) {
    const { removed } = JSON.parse(line) as { readonly removed: string }
    return [parseTreePath(decodeByteString(removed)), undefined]
  }
  const entry = decodeEntry(Buffer.from(line))
  if (entry.type === 'hardlink') throw new Error('it has a hard link')
  return [entry.path, entry]
}
