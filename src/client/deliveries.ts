import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { hexOf } from '../../manifests/digest.ts'
import type { ContentBasis } from './basis-root.ts'
import type { BuildPhase, BuildProgress } from './build-root.ts'
import type { ExpectedModules } from './check-tree.ts'
import { ContentFile, type ContentPlaces } from './content-file.ts'
import type { ChunkNeed } from './delivery-plan.ts'
import { copyContent, FileSink } from './file-sink.ts'
import { GatheredWrites } from './gathered-writes.ts'
import { firstOf, type LocalContents } from './local-contents.ts'
import type { MachineLayout } from './machine-layout.ts'
import type { SlotModule, SlotRecord } from './machine-state.ts'
import type { MissingFiles } from './missing-files.ts'
import { ModuleContents } from './module-contents.ts'
import { ModuleDelivery, type DeliveryReport, type ModuleDeliveryContext } from './module-delivery.ts'
import type { ModuleTree } from './module-tree.ts'
import { StreamOrder } from './stream-order.ts'
import { planContents } from './write-contents.ts'

export interface DeliveriesContext extends ModuleDeliveryContext {
  readonly onPhase?: ((phase: BuildPhase) => void) | undefined
  readonly onProgress?: ((progress: BuildProgress) => void) | undefined
}

/** Brings the modules of a release to the machine, each in the way that costs least, as far as packs can. */
export class Deliveries implements AsyncDisposable {
  readonly #context: DeliveriesContext
  readonly #modules: readonly ModuleDelivery[]
  #packedBytes = 0

  /** The manifests of what is installed, of the same kind as the target, are on the machine. */
  constructor(
    installed: { readonly modules: readonly SlotModule[] } | undefined,
    target: { readonly modules: readonly SlotModule[] },
    expected: ExpectedModules,
    context: DeliveriesContext,
  ) {
    this.#context = context
    const { layout } = context
    this.#modules = target.modules.map((module) => {
      const from = installed?.modules.find(({ name }) => name === module.name)
      const isThere = from !== undefined && existsSync(layout.manifest(from.digest))
      const contentBytes = expected[module.name]?.contentBytes ?? 0
      return new ModuleDelivery(isThere ? from : undefined, { ...module, contentBytes }, context)
    })
  }

  get reports(): readonly DeliveryReport[] {
    return this.#modules.map(({ report }) => report)
  }

  /** Plain bytes that were written out of packs. */
  get packedBytes(): number {
    return this.#packedBytes
  }

  async obtainManifests(): Promise<void> {
    for (const module of this.#modules) await module.obtainManifest()
  }

  /** Drops what does not pay however much is missing. */
  async reconsider(tree: ModuleTree, basis: ContentBasis | undefined): Promise<void> {
    for (const [index, module] of this.#modules.entries()) {
      const chunks = tree.chunkTable(index).filter(({ digest }) => basis?.hasChunk(digest) !== true)
      const plainBytes = chunks.reduce((sum, { size }) => sum + size, 0)
      await module.reconsider({ count: chunks.length, plainBytes })
    }
  }

  /** Makes what is missing, as far as packs can; the rest stays missing. */
  async deliver(
    missing: MissingFiles,
    tree: ModuleTree,
    basis: ContentBasis | undefined,
    writer: ContentPlaces,
  ): Promise<void> {
    const needs = chunkNeeds(missing, tree, basis)
    for (const [index, module] of this.#modules.entries()) await module.choose(needs[index] as ChunkNeed)
    if (this.#modules.every(({ chosen }) => chosen === undefined)) return
    const order = new StreamOrder(missing.files)
    const gathered = new GatheredWrites()
    for (const [index, module] of this.#modules.entries()) {
      const chain = module.chosen
      if (chain === undefined) continue
      this.#context.onPhase?.('download')
      let done = 0
      const onWritten = (bytes: number): void => {
        done += bytes
        this.#context.onProgress?.({ phase: 'contents', done, total: chain.contentBytes })
      }
      const onWanted = (bytes: number): void => {
        this.#packedBytes += bytes
        onWritten(bytes)
      }
      await module.deliver(
        {
          from: basis?.contentsOf(module.name),
          to: new ModuleContents(missing.files, order, index),
          local: firstOf(basis),
          sinkFor: ({ digest }) => {
            const numbers = missing.withContent(digest)
            const context = { missing, writer, gathered, onWritten: onWanted }
            return numbers.length === 0 ? undefined : new FileSink(numbers, context)
          },
          onWritten,
        },
        (received, total) => this.#context.onProgress?.({ phase: 'download', done: received, total }),
        () => this.#context.onPhase?.('contents'),
      )
      copyMade(chain.made, index, missing, writer, onWanted)
      await chain[Symbol.asyncDispose]()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const module of this.#modules) await module[Symbol.asyncDispose]()
  }
}

/** By module, the chunks that the missing files need and the machine has not. */
function chunkNeeds(missing: MissingFiles, tree: ModuleTree, basis: ContentBasis | undefined): ChunkNeed[] {
  const needs = tree.modules.map(() => ({ count: 0, plainBytes: 0 }))
  for (const { chunk, module } of planContents(missing.list(), tree).chunks) {
    const need = needs[module]
    if (need === undefined || basis?.hasChunk(chunk.digest) === true) continue
    need.count++
    need.plainBytes += chunk.size
  }
  return needs
}

/** What the release has in common with one that was passed, and the machine had not. */
function copyMade(
  made: LocalContents,
  module: number,
  missing: MissingFiles,
  writer: ContentPlaces,
  onWritten: (bytes: number) => void,
): void {
  const { files } = missing
  for (const file of missing.numbers()) {
    if (files.span(file).module !== module) continue
    const entry = files.entry(file)
    using view = made.open(entry.digest)
    if (view === undefined) continue
    using content = new ContentFile(entry, writer)
    if (!copyContent(view, content)) continue
    missing.settle(file)
    onWritten(entry.size)
  }
}

/** Parts of packs that lead elsewhere are of no use any more. */
export function forgetOtherDownloads({ downloads }: MachineLayout, { modules }: SlotRecord): void {
  mkdirSync(downloads, { recursive: true })
  const wanted = modules.map(({ digest }) => `${hexOf(digest)}-`)
  for (const name of readdirSync(downloads)) {
    if (!wanted.some((prefix) => name.startsWith(prefix))) rmSync(join(downloads, name), { force: true })
  }
}
