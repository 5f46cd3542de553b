import { createHash } from 'node:crypto'
import { zstdDecompressSync } from 'node:zlib'
import type { HeldBlob } from './store-model.ts'

/** What one timestamp makes visible, as a table of bytes says it; read by rules written down here once more. */
export interface VisibleState {
  /** Of the timestamp and of the snapshot. */
  readonly timestamp: number
  readonly snapshot: number
  /** Release documents by version, and channel documents by name: the digest that is signed. */
  readonly releases: ReadonlyMap<number, string>
  readonly channels: ReadonlyMap<string, string>
  /** Release that each channel names. */
  readonly channelVersions: ReadonlyMap<string, number>
  /** Every key that a reader may ask for, and the SHA-256 of what has to lie there, plain or as it lies. */
  readonly needed: ReadonlyMap<string, Needed>
}

export interface Needed {
  readonly sha256: string
  readonly isCompressed: boolean
}

type Blobs = ReadonlyMap<string, HeldBlob>

interface Listing {
  readonly version: number
  readonly targets?: Readonly<Record<string, { readonly hashes: { readonly sha256: string } }>>
  readonly meta?: Readonly<Record<string, Listed>>
}

interface Listed {
  readonly version: number
  readonly hashes?: { readonly sha256: string }
}

interface ReleaseDocument {
  readonly version: number
  readonly modules: Readonly<Record<string, { readonly manifest: { readonly digest: string } }>>
}

export class StateReader {
  readonly #blobs: Blobs
  readonly #needed = new Map<string, Needed>()
  /** Chunk tables by the manifest's digest: what is named by its digest says the same for ever. */
  readonly #tables: Map<string, readonly string[]>

  private constructor(blobs: Blobs, tables: Map<string, readonly string[]>) {
    this.#blobs = blobs
    this.#tables = tables
  }

  /** Throws an Error that says what of it is missing or wrong. */
  static read(blobs: Blobs, timestamp: Buffer, tables = new Map<string, readonly string[]>()): VisibleState {
    return new StateReader(blobs, tables).#read(timestamp)
  }

  #read(timestamp: Buffer): VisibleState {
    const { version, meta } = signedOf(timestamp)
    const snapshot = this.#metadata('snapshot', meta?.['snapshot.json'])
    const listings = ['targets', 'releases', 'channels'].map((role) =>
      this.#metadata(role, snapshot.meta?.[`${role}.json`]),
    )
    const targets = Object.entries(Object.assign({}, ...listings.map(({ targets: some }) => some)) as object)
    const releases = new Map<number, string>()
    const channels = new Map<string, string>()
    const channelVersions = new Map<string, number>()
    for (const [path, { hashes }] of targets as [string, { hashes: { sha256: string } }][]) {
      const [directory = '', name = ''] = path.replace(/\.json$/, '').split('/')
      const document = this.#document(`tuf/targets/${directory}/${hashes.sha256}.${name}.json`, hashes.sha256)
      if (directory === 'releases') {
        releases.set(Number(name), hashes.sha256)
        this.#addContents(document as ReleaseDocument)
      } else {
        channels.set(name, hashes.sha256)
        channelVersions.set(name, (document as ReleaseDocument).version)
      }
    }
    for (const [name, of] of channelVersions) {
      if (!releases.has(of)) throw new Error(`channel ${name} names release ${of}, which is not listed`)
    }
    return {
      timestamp: version,
      snapshot: snapshot.version,
      releases,
      channels,
      channelVersions,
      needed: this.#needed,
    }
  }

  #metadata(role: string, listed: Listed | undefined): Listing {
    if (listed === undefined) throw new Error(`${role}.json is not listed`)
    const bytes = this.#whole(`tuf/metadata/${listed.version}.${role}.json`, listed.hashes?.sha256)
    return signedOf(bytes)
  }

  #document(key: string, sha256: string): unknown {
    return JSON.parse(this.#whole(key, sha256).toString()) as unknown
  }

  #addContents({ modules }: ReleaseDocument): void {
    for (const { manifest } of Object.values(modules)) {
      const hex = manifest.digest.slice('sha256:'.length)
      for (const chunk of this.#chunkTable(hex)) {
        this.#needed.set(`chunks/${chunk.slice(0, 4)}/${chunk}.cacnk`, { sha256: chunk, isCompressed: true })
      }
    }
  }

  #chunkTable(manifest: string): readonly string[] {
    const key = `manifests/${manifest}.ndjson.zst`
    this.#needed.set(key, { sha256: manifest, isCompressed: true })
    const known = this.#tables.get(manifest)
    if (known !== undefined) return known
    const held = this.#blobs.get(key)
    if (held === undefined) throw new Error(`${key} is missing`)
    const [header = '{}', ...lines] = zstdDecompressSync(held.bytes).toString().split('\n')
    const { chunks } = JSON.parse(header) as { chunks: number }
    const table = lines
      .slice(0, chunks)
      .map((line) => (JSON.parse(line) as { digest: string }).digest.slice(7))
    this.#tables.set(manifest, table)
    return table
  }

  #whole(key: string, sha256: string | undefined): Buffer {
    const held = this.#blobs.get(key)
    if (held === undefined) throw new Error(`${key} is missing`)
    const found = sha256Of(held.bytes)
    if (sha256 !== undefined && found !== sha256) throw new Error(`${key} has other bytes than are signed`)
    this.#needed.set(key, { sha256: found, isCompressed: false })
    return held.bytes
  }
}

export function signedOf(bytes: Buffer): Listing {
  return (JSON.parse(bytes.toString()) as { signed: Listing }).signed
}

/** What is wrong with the bytes; undefined: nothing. */
export function problemWith(
  held: HeldBlob | undefined,
  { sha256, isCompressed }: Needed,
): string | undefined {
  if (held === undefined) return 'is missing'
  try {
    const plain = isCompressed ? zstdDecompressSync(held.bytes) : held.bytes
    return sha256Of(plain) === sha256 ? undefined : 'has other bytes than it is named after'
  } catch {
    return 'is no whole frame'
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
