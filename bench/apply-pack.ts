/**
 * Applies the one pack of a store: `node bench/apply-pack.mjs STORE OLD-TREE DIRECTORY` makes every content that the
 * pack holds in the directory, out of the pack, the old manifest and the old tree, and checks each by its digest.
 * This is the work of a client for a pack, without the rest of an update: no other file is looked at.
 */
import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { closeSync, globSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { hexOf } from '../manifests/digest.ts'
import type { Digest } from '../manifests/digest.ts'
import { ManifestDecoder } from '../manifests/manifest-decoder.ts'
import { treePathToBytes } from '../manifests/tree-path.ts'
import type { TreePath } from '../manifests/tree-path.ts'
import type { ContentView } from '../src/delta/content-view.ts'
import { viewBytes } from '../src/delta/content-view.ts'
import { PackReader } from '../src/pack/pack-reader.ts'
import type { PackContent } from '../src/pack/pack-index.ts'
import type { ContentSink, PackTarget } from '../src/pack/pack-reader.ts'

function readManifest(store: string, digest: Digest): Buffer {
  return zstdDecompressSync(readFileSync(join(store, 'manifests', `${hexOf(digest)}.ndjson.zst`)))
}

type What = PackContent['what']

interface PlacedContent {
  readonly path: TreePath
  readonly size: number
  readonly digest: Digest
}

function main([store, tree, directory]: readonly string[]): void {
  if (store === undefined || tree === undefined || directory === undefined)
    throw new Error('usage: apply-pack.mjs STORE OLD-TREE DIRECTORY')
  const [pack] = globSync('packs/*/*.pack', { cwd: store })
  if (pack === undefined) throw new Error(`${store} has no pack`)
  const reader = new PackReader(viewBytes(readFileSync(join(store, pack))))
  const { from, to, groups } = reader.header
  if (from === undefined) throw new Error(`${pack} is a first install`)
  const oldManifest = readManifest(store, from)
  // A machine knows it from the release document.
  const manifestBytes = readManifest(store, to).length
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
  readonly #bases: number[] = []
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
    const fd = openSync(
      Buffer.concat([Buffer.from(`${this.#places.tree}/`), treePathToBytes(content.path)]),
      'r',
    )
    this.#bases.push(fd)
    return { length: content.size, readAt: (offset, length) => readPart(fd, offset, length) }
  }

  begin({ what, position }: PackContent): ContentSink {
    if (what === 'manifest')
      return new ManifestSink(this.#places.to, (bytes) => {
        this.#new = contentsOf(bytes)
      })
    const { digest } = this.#new.get(position) as PlacedContent
    return new FileSink(join(this.#places.directory, String(this.#count++)), digest)
  }

  closeBases(): void {
    for (const fd of this.#bases.splice(0)) closeSync(fd)
  }
}

class FileSink implements ContentSink {
  readonly #path: string
  readonly #fd: number
  readonly #wanted: Digest
  readonly #hash: Hash = createHash('sha256')

  constructor(path: string, wanted: Digest) {
    this.#path = path
    this.#fd = openSync(path, 'wx')
    this.#wanted = wanted
  }

  write(bytes: Uint8Array): void {
    this.#hash.update(bytes)
    for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done)
  }

  end(): void {
    closeSync(this.#fd)
    requireDigest(this.#hash, this.#wanted, this.#path)
  }

  abandon(): void {
    throw new Error(`${this.#path} cannot be made: its basis is not there`)
  }
}

class ManifestSink implements ContentSink {
  readonly #pieces: Uint8Array[] = []
  readonly #wanted: Digest
  readonly #take: (manifest: Uint8Array) => void

  constructor(wanted: Digest, take: (manifest: Uint8Array) => void) {
    this.#wanted = wanted
    this.#take = take
  }

  write(bytes: Uint8Array): void {
    this.#pieces.push(Uint8Array.from(bytes))
  }

  end(): void {
    const manifest = Buffer.concat(this.#pieces)
    requireDigest(createHash('sha256').update(manifest), this.#wanted, 'the manifest')
    this.#take(manifest)
  }

  abandon(): void {
    throw new Error('the manifest cannot be made')
  }
}

function requireDigest(hash: Hash, wanted: Digest, name: string): void {
  const found = hash.digest('hex')
  if (found !== hexOf(wanted)) throw new Error(`${name} is ${found}, not ${wanted}`)
}

/** By where they start in the content stream. */
function contentsOf(manifest: Uint8Array): Map<number, PlacedContent> {
  const contents = new Map<number, PlacedContent>()
  for (const item of new ManifestDecoder().decode(manifest)) {
    if (item.kind !== 'entry' || item.entry.type !== 'file' || item.entry.size === 0) continue
    const { path, size, digest, offset } = item.entry
    if (!contents.has(offset)) contents.set(offset, { path, size, digest })
  }
  return contents
}

function sizeAt(contents: ReadonlyMap<number, PlacedContent>, position: number): number {
  const content = contents.get(position)
  if (content === undefined) throw new Error(`no content starts at ${position}`)
  return content.size
}

function readPart(fd: number, offset: number, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(length)
  let done = 0
  while (done < length) {
    const count = readSync(fd, bytes, done, length - done, offset + done)
    if (count === 0) break
    done += count
  }
  return bytes.subarray(0, done)
}

main(process.argv.slice(2))
