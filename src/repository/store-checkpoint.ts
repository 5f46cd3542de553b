import { BlobChangedError, BlobExistsError } from '../../storage/errors.ts'
import { checkpointText, isSignedByLog, parseCheckpoint } from '../transparency/checkpoint.ts'
import { isSameHead, type LogHead } from '../transparency/log-head.ts'
import { signNote, type NoteSigner } from '../transparency/signed-note.ts'
import type { Signer } from '../trust/signer.ts'
import type { CommitContext } from './commit.ts'
import { checkpointKey, revalidatedCaching } from './layout.ts'
import { readBlob, type ReadBlob } from './read-blob.ts'

/** Several at once are few, and each that is passed leaves a longer log. */
const tries = 10

/**
 * Puts the head of the log where auditors look for it, signed by the keys that sign snapshots; leaves one that says so
 * already, and one of a longer log, which a later commit has stored meanwhile.
 */
export async function storeCheckpoint(
  context: CommitContext,
  head: LogHead,
  signers: readonly Signer[],
): Promise<void> {
  const { store, signal } = context
  for (let left = tries; left > 0; left--) {
    const present = await readBlob(store, checkpointKey, { signal })
    if (present !== undefined && isUpToDate(present, head, signers)) return
    if (await place(context, present, await signCheckpoint(head, signers))) return
  }
}

function isUpToDate({ bytes }: ReadBlob, head: LogHead, signers: readonly Signer[]): boolean {
  const checkpoint = parseCheckpoint(bytes)
  if (checkpoint === undefined || checkpoint.head.origin !== head.origin) return false
  if (!isSignedByLog(checkpoint, signers.map(publicBytesOf))) return false
  return checkpoint.head.size > head.size || isSameHead(checkpoint.head, head)
}

async function signCheckpoint(head: LogHead, signers: readonly Signer[]): Promise<Buffer> {
  const noteSigners = signers.map((signer): NoteSigner => ({
    name: head.origin,
    publicKey: publicBytesOf(signer),
    sign: async (text) => Buffer.from((await signer.sign(text)).sig, 'hex'),
  }))
  return signNote(checkpointText(head), noteSigners)
}

/** False when someone else was faster. */
async function place(
  { store, signal }: CommitContext,
  present: ReadBlob | undefined,
  bytes: Buffer,
): Promise<boolean> {
  const options = { signal, contentType: 'text/plain; charset=utf-8', cacheControl: revalidatedCaching }
  try {
    await (present === undefined
      ? store.create(checkpointKey, bytes, options)
      : store.replace(checkpointKey, bytes, present.info.etag, options))
    return true
  } catch (error) {
    if (error instanceof BlobExistsError || error instanceof BlobChangedError) return false
    throw error
  }
}

function publicBytesOf({ key }: Signer): Uint8Array {
  return Buffer.from(key.keyVal['public'] ?? '', 'hex')
}
