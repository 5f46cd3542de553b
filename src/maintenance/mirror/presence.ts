import * as z from 'zod'
import { canonicalJson } from '../../../manifests/canonical-json.ts'
import { nameField, versionField } from '../../../manifests/names.ts'
import type { BlobReader, CallOptions } from '../../../storage/blob-store.ts'
import { RepositoryError } from '../../repository/errors.ts'
import { readBlob } from '../../repository/read-blob.ts'

/** Where a mirror says what it does not have. Never served: machines learn it by asking. */
export const presenceKey = 'private/mirror.json'

const schema = z.strictObject({
  absent: z.strictObject({ modules: z.array(nameField), releases: z.array(versionField) }),
  format: z.literal('vend.mirror/1'),
})

/**
 * Of which modules of which releases a store has the manifests, chunks and packs. Only what is absent is written down:
 * what a repository without a record lists, and what is published to a former mirror, is to be there.
 */
export class Presence {
  static readonly whole = new Presence([], [])
  readonly #releases: ReadonlySet<number>
  readonly #modules: ReadonlySet<string>

  /** What is absent: releases as a whole, and modules in every release. */
  constructor(releases: Iterable<number>, modules: Iterable<string>) {
    this.#releases = new Set(releases)
    this.#modules = new Set(modules)
  }

  get isWhole(): boolean {
    return this.#releases.size === 0 && this.#modules.size === 0
  }

  get absent(): { readonly releases: readonly number[]; readonly modules: readonly string[] } {
    return { releases: [...this.#releases].sort((a, b) => a - b), modules: [...this.#modules].sort() }
  }

  hasRelease(version: number): boolean {
    return !this.#releases.has(version)
  }

  hasModule(name: string): boolean {
    return !this.#modules.has(name)
  }

  has(version: number, module: string): boolean {
    return this.hasRelease(version) && this.hasModule(module)
  }

  isSameAs(other: Presence): boolean {
    return encodePresence(this).equals(encodePresence(other))
  }
}

export function encodePresence({ absent }: Presence): Buffer {
  const { releases, modules } = absent
  const text = canonicalJson({
    absent: { modules: [...modules], releases: [...releases] },
    format: 'vend.mirror/1',
  })
  return Buffer.from(text)
}

/** What a store has, by its own word. Throws REPOSITORY_CORRUPT for a record that says nothing. */
export async function readPresence(store: BlobReader, options: CallOptions = {}): Promise<Presence> {
  return (await readPresenceRecord(store, options)).presence
}

/** As `readPresence`, with the etag of the record, if there is one. */
export async function readPresenceRecord(
  store: BlobReader,
  options: CallOptions,
): Promise<{ readonly presence: Presence; readonly etag: string | undefined }> {
  const blob = await readBlob(store, presenceKey, options)
  if (blob === undefined) return { presence: Presence.whole, etag: undefined }
  const presence = decodePresence(blob.bytes)
  if (presence !== undefined) return { presence, etag: blob.info.etag }
  throw new RepositoryError('REPOSITORY_CORRUPT', `${store.name}: ${presenceKey} is damaged`, {
    hint: 'remove it: the store is then taken for a whole one, and "vend verify" says what it lacks',
  })
}

/** Undefined for what is no such record. */
export function decodePresence(bytes: Buffer): Presence | undefined {
  try {
    const { absent } = schema.parse(JSON.parse(bytes.toString('utf8')))
    return new Presence(absent.releases, absent.modules)
  } catch {
    return undefined
  }
}
