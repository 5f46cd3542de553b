import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import { hexOf } from '../../manifests/digest.ts'
import type { FileEntry } from '../../manifests/entry.ts'
import type { PackError } from '../pack/errors.ts'
import type { ContentSink } from '../pack/pack-reader.ts'
import { applyContents, contentBytesOf } from './apply-contents.ts'
import { ContentsTarget } from './contents-target.ts'
import type { PackOffer } from './delivery-plan.ts'
import { FileList } from './file-list.ts'
import type { HttpFetcher } from './http-fetcher.ts'
import { firstOf, type LocalContents } from './local-contents.ts'
import type { MachineLayout } from './machine-layout.ts'
import { MadeContents } from './made-contents.ts'
import { makeManifest, manifestGroups, type ManifestRef } from './make-manifest.ts'
import { ModuleContents } from './module-contents.ts'
import { ModuleTree } from './module-tree.ts'
import { PackDownload } from './pack-download.ts'
import { packPath } from './pack-path.ts'
import { StreamOrder } from './stream-order.ts'

export interface ChainRequest {
  readonly module: string
  /** What is installed, what is passed, and what is to be installed. */
  readonly manifests: readonly [ManifestRef | undefined, ...ManifestRef[]]
  readonly layout: MachineLayout
  readonly fetcher: HttpFetcher
  readonly maxBytes: number
  readonly signal: AbortSignal | undefined
}

export interface ChainTarget {
  readonly from: ModuleContents | undefined
  readonly to: ModuleContents
  readonly local: LocalContents
  readonly sinkFor: (entry: FileEntry) => (ContentSink & Disposable) | undefined
  readonly onWritten: (bytes: number) => void
}

/** Packs that lead from one manifest to the next. One pack is the shortest chain. */
export class PackChain implements AsyncDisposable {
  readonly #request: ChainRequest
  readonly #downloads: readonly PackDownload[]
  readonly #made: MadeContents[] = []
  readonly #trees: ModuleTree[] = []

  private constructor(request: ChainRequest, downloads: readonly PackDownload[]) {
    this.#request = request
    this.#downloads = downloads
  }

  /** Undefined when one of the packs is not there. Throws a PackError or a MachineError. */
  static async begin(request: ChainRequest): Promise<PackChain | undefined> {
    const { layout, fetcher, maxBytes, signal, manifests } = request
    const downloads: PackDownload[] = []
    let error: unknown
    try {
      for (const [before, to] of linksOf(manifests)) {
        const from = before?.digest
        const path = packPath(layout.downloads, from, to.digest)
        const download = await PackDownload.begin({ fetcher, path, from, to: to.digest, maxBytes, signal })
        if (download === undefined) break
        downloads.push(download)
      }
      const chain = new PackChain(request, downloads)
      if (downloads.length === manifests.length - 1 && chain.#hasRoom()) return chain
    } catch (caught) {
      error = caught
    }
    for (const download of downloads) await download.abandon()
    if (error !== undefined) throw error as Error
    return undefined
  }

  get offer(): PackOffer {
    const bytes = this.#downloads.reduce((sum, { length }) => sum + length, 0)
    const received = this.#downloads.reduce((sum, download) => sum + download.received, 0)
    return { links: this.#downloads.length, bytes, bytesLeft: bytes - received }
  }

  /** Makes the manifest that the first pack leads to, as soon as that much is there. Throws as `download` does. */
  async makeFirstManifest(): Promise<void> {
    const [download, { manifests, layout }] = [this.#downloads[0], this.#request]
    const to = manifests[1]
    if (download === undefined || to === undefined) throw new RangeError('a chain without a link')
    await download.until(({ header }) => download.reader().span(manifestGroups(header) - 1).end)
    makeManifest(download.reader(), layout, manifests[0], to)
  }

  /** Plain bytes of the contents that applying makes. */
  get contentBytes(): number {
    return this.#downloads.reduce((sum, { header }) => sum + contentBytesOf(header), 0)
  }

  /** Waits until all of it is there. Throws a PackError or a MachineError. */
  async download(onBytes: (received: number) => void): Promise<void> {
    let before = 0
    for (const download of this.#downloads) {
      await download.until(
        ({ length }) => length,
        (received) => onBytes(before + received),
      )
      before += download.length
    }
  }

  /** Throws a PackError. */
  async apply(target: ChainTarget): Promise<void> {
    let { from } = target
    for (const [index, download] of this.#downloads.slice(0, -1).entries()) {
      from = await this.#pass(index, download, from, target)
    }
    const last = this.#downloads.at(-1)
    if (last === undefined) return
    const { to, sinkFor } = target
    using contents = new ContentsTarget({ from, to, local: this.#local(target), sinkFor })
    await applyContents(last.reader(), contents, this.#request.signal)
  }

  /** What was made on the way. */
  get made(): LocalContents {
    return firstOf(...this.#made)
  }

  /** Mirrors are left that gave packs which are not what they must be. */
  blame(error: PackError): void {
    for (const download of this.#downloads) download.blame(error)
  }

  /** Stops, and removes what is there: it was used, or is of no use. */
  async abandon(): Promise<void> {
    for (const download of this.#downloads) await download.abandon()
    await this[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of [...this.#made.splice(0), ...this.#trees.splice(0)]) opened[Symbol.dispose]()
    for (const download of this.#downloads) await download[Symbol.asyncDispose]()
  }

  /** Makes the manifest that a link leads to, and all contents that are new in it. */
  async #pass(
    index: number,
    download: PackDownload,
    from: ModuleContents | undefined,
    target: ChainTarget,
  ): Promise<ModuleContents> {
    const { layout, manifests, module, signal } = this.#request
    const [before, to] = [manifests[index], manifests[index + 1]]
    if (to === undefined) throw new RangeError('a link that leads nowhere')
    const reader = download.reader()
    makeManifest(reader, layout, before, to)
    const tree = await ModuleTree.open(layout, [{ name: module, ...to }])
    this.#trees.push(tree)
    const contents = await contentsOf(tree)
    const local = this.#local(target)
    const made = new MadeContents(join(layout.downloads, `${hexOf(to.digest)}.contents`))
    this.#made.push(made)
    const sinkFor = (entry: FileEntry): ContentSink & Disposable => made.sinkFor(entry, target.onWritten)
    using passing = new ContentsTarget({ from, to: contents, local, sinkFor })
    await applyContents(reader, passing, signal)
    return contents
  }

  #local({ local }: ChainTarget): LocalContents {
    return firstOf(local, ...this.#made)
  }

  /** For the contents of what is only passed; they are gone afterwards. */
  #hasRoom(): boolean {
    const passed = this.#downloads.slice(0, -1).reduce((sum, { header }) => sum + contentBytesOf(header), 0)
    const { bavail, bsize } = statfsSync(this.#request.layout.downloads)
    return passed * 2 <= bavail * bsize
  }
}

function linksOf(manifests: ChainRequest['manifests']): [from: ManifestRef | undefined, to: ManifestRef][] {
  const [first, ...rest] = manifests
  return rest.map((to, index) => [index === 0 ? first : rest[index - 1], to])
}

async function contentsOf(tree: ModuleTree): Promise<ModuleContents> {
  const files = new FileList(tree)
  for await (const item of tree.entries()) {
    if (item.entry.type === 'file' && item.entry.size > 0) files.add(item, item.entry)
  }
  return new ModuleContents(files, new StreamOrder(files), 0)
}
