import { digestFromBytes, digestToBytes } from '../../manifests/digest.ts'
import type { LogHead } from './log-head.ts'
import { hashBytes } from './merkle-hash.ts'
import { parseNote, signersOf, type NoteKey, type SignedNote } from './signed-note.ts'

/** Where a log's head is served, relative to the log. */
export const checkpointPath = 'checkpoint'

/** No checkpoint of ours is longer. */
export const maxCheckpointBytes = 64 << 10

/** A head as the text of a note: origin, size and root, a line each (C2SP tlog-checkpoint). */
export function checkpointText({ origin, size, root }: LogHead): string {
  return `${origin}\n${size}\n${Buffer.from(digestToBytes(root)).toString('base64')}\n`
}

export interface Checkpoint {
  readonly head: LogHead
  readonly note: SignedNote
}

/** Undefined for what is no checkpoint. Says nothing about who signed it. */
export function parseCheckpoint(bytes: Buffer): Checkpoint | undefined {
  const note = parseNote(bytes)
  const [origin, size, root, ...rest] = note?.text.split('\n') ?? []
  if (note === undefined || origin === undefined || origin === '') return undefined
  // Lines that other logs add are allowed; one that is empty is not.
  if (rest.pop() !== '' || rest.includes('')) return undefined
  if (size === undefined || !/^(?:0|[1-9]\d*)$/.test(size) || !Number.isSafeInteger(Number(size)))
    return undefined
  const hash = Buffer.from(root ?? '', 'base64')
  if (hash.length !== hashBytes || hash.toString('base64') !== root) return undefined
  return { head: { origin, size: Number(size), root: digestFromBytes(hash) }, note }
}

/** Whether one of the keys, under the name of the log's origin, signed the checkpoint. */
export function isSignedByLog({ head, note }: Checkpoint, publicKeys: readonly Uint8Array[]): boolean {
  const keys = publicKeys.map((publicKey): NoteKey => ({ name: head.origin, publicKey }))
  return signersOf(note, keys).length > 0
}
