import type { BlobReader, BlobStore, CallOptions, PutBody } from '../../../storage/blob-store.ts'
import { putOptionsOf } from '../mirror/put-options.ts'
import type { Damage } from '../damage.ts'

/** Something that was damaged or missing, and no longer is. */
export interface Mended {
  readonly kind: Damage['kind'] | 'document'
  /** Its key. */
  readonly what: string
  /** Where it came from; undefined: nowhere, it was made anew or, of a pack, deleted. */
  readonly from: string | undefined
}

export interface MendingContext extends CallOptions {
  readonly store: BlobStore
  /** Asked one after another. Nothing that they say is believed. */
  readonly sources: readonly BlobReader[]
  readonly onMended: (mended: Mended) => void
  readonly onNote: (note: string) => void
}

/** What `fetch` gets from the first source that has it as it must be; it throws for all else. */
export async function fromSources<T>(
  { sources, signal, onNote }: MendingContext,
  fetch: (source: BlobReader) => Promise<T | undefined>,
): Promise<{ readonly found: T; readonly from: string } | undefined> {
  for (const source of sources) {
    try {
      const found = await fetch(source)
      if (found !== undefined) return { found, from: source.name }
    } catch (error) {
      signal?.throwIfAborted()
      // One that is down, lies, or is damaged itself, is no reason not to ask the next.
      if (!isAbsence(error)) onNote(error instanceof Error ? error.message : String(error))
    }
  }
  return undefined
}

/** Puts what was checked in the place of what is damaged. */
export async function putMended(
  { store, signal, onMended }: MendingContext,
  { kind, what, from }: Mended,
  body: PutBody,
): Promise<void> {
  await store.put(what, body, { ...putOptionsOf(what), signal })
  onMended({ kind, what, from })
}

function isAbsence(error: unknown): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  return (
    code === 'BLOB_NOT_FOUND' || (code === 'REPOSITORY_CORRUPT' && String(message).endsWith('is missing'))
  )
}
