/**
 * Applies the one pack of a store: `node bench/apply-pack.mjs STORE OLD-TREE DIRECTORY` makes every content that the
 * pack holds in the directory, out of the pack, the old manifest and the old tree, and checks each by its digest.
 * This is the work of a client for a pack, without the rest of an update: no other file is looked at.
 */
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { closeSync, createReadStream, globSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createZstdDecompress, zstdDecompressSync } from 'node:zlib'
import { hexOf } from '../manifests/digest.ts'
import type { Digest } from '../manifests/digest.ts'
import { ManifestDecoder } from '../manifests/manifest-decoder.ts'
import { treePathToBytes } from '../manifests/tree-path.ts'
import { BlockPool } from '../src/client/block-pool.ts'
import { FileView } from '../src/client/file-view.ts'
import { GatheredWrites } from '../src/client/gathered-writes.ts'
import type { ContentView } from '../src/delta/content-view.ts'
import { viewBytes } from '../src/delta/content-view.ts'
import { PackReader } from '../src/pack/pack-reader.ts'
import type { PackContent } from '../src/pack/pack-index.ts'
import type { ContentSink, PackTarget } from '../src/pack/pack-reader.ts'

function manifestPath(store: string, digest: Digest): string {
  return join(store, 'manifests', `${hexOf(digest)}.ndjson.zst`)
}

async function plainBytesOf(path: string): Promise<number> {
  let bytes = 0
  const plain = createReadStream(path).pipe(createZstdDecompress()) as AsyncIterable<Buffer>
  for await (const piece of plain) bytes += piece.length
  return bytes
}

type What = PackContent['what']

/** Of bytes, as strings would hold on to the lines they were read from. */
interface PlacedContent {
  readonly path: Buffer
  readonly size: number
  readonly sha256: Buffer
}

async function main([store, tree, directory]: readonly string[]): Promise<void> {
  if (store === undefined || tree === undefined || directory === undefined)
    throw new Error('usage: apply-pack.mjs STORE OLD-TREE DIRECTORY')
  const [pack] = globSync('packs/*/*.pack', { cwd: store })
  if (pack === undefined) throw new Error(`${store} has no pack`)
  const reader = new PackReader(FileView.ofFile(openSync(join(store, pack), 'r')))
  const { from, to, groups } = reader.header
  if (from === undefined) throw new Error(`${pack} is a first install`)
  const oldManifest = zstdDecompressSync(readFileSync(manifestPath(store, from)))
  // A machine knows it from the release document.
  const manifestBytes = await plainBytesOf(manifestPath(store, to))
  const target = new BenchTarget({ tree, directory, oldManifest, to, manifestBytes })
  reader.apply(target, 0, groups.length, () => {
    target.closeBases()
  })
}

interface Places {
  readonly tree: string
  readonly directory: string
  readonly oldManifest: Uint8Array
  readonly to: Digest
  readonly manifestBytes: number
}

/** Makes contents into files named by their numbers. */
class BenchTarget implements PackTarget {
  readonly #places: Places
  readonly #old: ReadonlyMap<number, PlacedContent>
  #new: ReadonlyMap<number, PlacedContent> = new Map()
  readonly #bases: FileView[] = []
  readonly #pool = new BlockPool()
  readonly #gathered = new GatheredWrites()
  #count = 0

  constructor(places: Places) {
    this.#places = places
    this.#old = contentsOf(places.oldManifest)
  }

  content(what: What, position: number): number {
    return what === 'manifest' ? this.#places.manifestBytes : sizeAt(this.#new, position)
  }

  basis(what: What, position: number): number {
    return what === 'manifest' ? this.#places.oldManifest.length : sizeAt(this.#old, position)
  }

  openBasis(what: What, position: number): ContentView | undefined {
    if (what === 'manifest') return viewBytes(this.#places.oldManifest)
    const content = this.#old.get(position)
    if (content === undefined) return undefined
    if (this.#bases.length > 8) this.closeBases()
    const fd = openSync(Buffer.concat([Buffer.from(`${this.#places.tree}/`), content.path]), 'r')
    const view = FileView.ofFile(fd, this.#pool)
    this.#bases.push(view)
    return view
  }

  begin({ what, position }: PackContent): ContentSink {
    if (what === 'manifest')
      return new ManifestSink(this.#places, (bytes) => {
        this.#new = contentsOf(bytes)
      })
    const { sha256 } = this.#new.get(position) as PlacedContent
    return new FileSink(join(this.#places.directory, String(this.#count++)), sha256, this.#gathered)
  }

  closeBases(): void {
    for (const view of this.#bases.splice(0)) view[Symbol.dispose]()
  }
}

class FileSink implements ContentSink {
  readonly #path: string
  readonly #fd: number
  readonly #wanted: Buffer
  readonly #hash: Hash = createHash('sha256')

  readonly #gathered: GatheredWrites

  constructor(path: string, wanted: Buffer, gathered: GatheredWrites) {
    this.#gathered = gathered
    this.#path = path
    this.#fd = openSync(path, 'wx')
    this.#wanted = wanted
  }

  write(bytes: Uint8Array): void {
    this.#gathered.add(bytes, this.#writePiece)
  }

  readonly #writePiece = (piece: Uint8Array): void => {
    this.#hash.update(piece)
    for (let done = 0; done < piece.length;) done += writeSync(this.#fd, piece, done)
  }

  end(): void {
    this.#gathered.flush(this.#writePiece)
    closeSync(this.#fd)
    requireDigest(this.#hash, this.#wanted, this.#path)
  }

  abandon(): void {
    throw new Error(`${this.#path} cannot be made: its basis is not there`)
  }
}

class ManifestSink implements ContentSink {
  readonly #manifest: Buffer
  #filled = 0
  readonly #wanted: Digest
  readonly #take: (manifest: Uint8Array) => void

  constructor({ to, manifestBytes }: Places, take: (manifest: Uint8Array) => void) {
    this.#wanted = to
    this.#manifest = Buffer.alloc(manifestBytes)
    this.#take = take
  }

  write(bytes: Uint8Array): void {
    this.#manifest.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  end(): void {
    const hash = createHash('sha256').update(this.#manifest)
    requireDigest(hash, Buffer.from(hexOf(this.#wanted), 'hex'), 'the manifest')
    this.#take(this.#manifest)
  }

  abandon(): void {
    throw new Error('the manifest cannot be made')
  }
}

function requireDigest(hash: Hash, wanted: Buffer, name: string): void {
  const found = hash.digest()
  if (!found.equals(wanted))
    throw new Error(`${name} is ${found.toString('hex')}, not ${wanted.toString('hex')}`)
}

/** By where they start in the content stream. */
function contentsOf(manifest: Uint8Array): Map<number, PlacedContent> {
  const contents = new Map<number, PlacedContent>()
  for (const item of new ManifestDecoder().decode(manifest)) {
    if (item.kind !== 'entry' || item.entry.type !== 'file' || item.entry.size === 0) continue
    const { path, size, digest, offset } = item.entry
    if (contents.has(offset)) continue
    const sha256 = Buffer.from(hexOf(digest), 'hex')
    contents.set(offset, { path: treePathToBytes(path), size, sha256 })
  }
  return contents
}

function sizeAt(contents: ReadonlyMap<number, PlacedContent>, position: number): number {
  const content = contents.get(position)
  if (content === undefined) throw new Error(`no content starts at ${position}`)
  return content.size
}

await main(process.argv.slice(2))
