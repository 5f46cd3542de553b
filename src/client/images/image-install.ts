import type { BuildProgress } from '../build-root.ts'
import type { ExpectedModules } from '../check-tree.ts'
import { ChunkSource } from '../chunk-source.ts'
import type { ContentBasis } from '../basis-root.ts'
import { Deliveries, type DeliveriesContext } from '../deliveries.ts'
import { MissingFiles } from '../missing-files.ts'
import type { DeliveryReport } from '../module-delivery.ts'
import { ImageBasis } from './image-basis.ts'
import { ImageModule } from './image-module.ts'
import { refuseUnfit, type ImagePlace } from './image-place.ts'
import { imageProblem, ImageTarget } from './image-target.ts'
import type { PlacedImage } from './slot-images.ts'

/** An image that was written. */
export interface InstalledImage {
  readonly module: string
  readonly place: string
  readonly bytes: number
  /** False: it lay there already. */
  readonly written: boolean
}

/** An image on its way to the place that goes with the slot that is being built. */
export class ImageInstall implements AsyncDisposable {
  readonly #image: ImageModule
  readonly #place: ImagePlace
  readonly #active: { readonly image: ImageModule; readonly path: string } | undefined
  readonly #deliveries: Deliveries
  readonly #context: DeliveriesContext
  #source: ChunkSource | undefined

  private constructor(
    image: ImageModule,
    place: ImagePlace,
    active: { readonly image: ImageModule; readonly path: string } | undefined,
    deliveries: Deliveries,
    context: DeliveriesContext,
  ) {
    this.#image = image
    this.#place = place
    this.#active = active
    this.#deliveries = deliveries
    this.#context = context
  }

  /**
   * Fetches the manifest, and makes sure of all that can be known before anything is changed. `active` is the same
   * module as the active slot has it, if it does. Throws IMAGE_PLACE_… and OBJECT_CORRUPT.
   */
  static async prepare(
    module: PlacedImage,
    active: PlacedImage | undefined,
    expected: ExpectedModules,
    context: DeliveriesContext,
  ): Promise<ImageInstall> {
    const installed = active === undefined ? undefined : { modules: [active] }
    const deliveries = new Deliveries(installed, { modules: [module] }, expected, context)
    await using undo = new AsyncDisposableStack()
    undo.use(deliveries)
    await deliveries.obtainManifests()
    const image = undo.use(await ImageModule.open(context.layout, module, expected))
    const before = active && {
      image: undo.use(await ImageModule.open(context.layout, active)),
      path: active.place,
    }
    const place = { module: module.name, path: module.place }
    refuseUnfit(place, image.entry.size)
    undo.move()
    return new ImageInstall(image, place, before, deliveries, context)
  }

  get report(): readonly DeliveryReport[] {
    return this.#deliveries.reports
  }

  get packedBytes(): number {
    return this.#deliveries.packedBytes
  }

  get totals(): ChunkSource['totals'] {
    return this.#source?.totals ?? { fetchedChunks: 0, reusedBytes: 0 }
  }

  /** Writes the image, makes it durable and reads it back. Throws IMAGE_… and what fetching may throw. */
  async install(): Promise<InstalledImage> {
    const { name, entry } = this.#image
    const installed = { module: name, place: this.#place.path, bytes: entry.size }
    if (imageProblem(this.#image, this.#place) === undefined) {
      using there = new ImageTarget(this.#image, this.#place)
      there.finish()
      return { ...installed, written: false }
    }
    await this.#write()
    return { ...installed, written: true }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deliveries[Symbol.asyncDispose]()
    this.#active?.image[Symbol.dispose]()
    this.#image[Symbol.dispose]()
  }

  async #write(): Promise<void> {
    const { tree, item, entry } = this.#image
    const { fetcher, signal, onPhase, onProgress } = this.#context
    using target = new ImageTarget(this.#image, this.#place)
    using basis = this.#active && new ImageBasis(this.#active.image, this.#active.path)
    const there = target.chunksThere()
    const known = withChunks(basis, there)
    await this.#deliveries.reconsider(tree, known)
    const missing = new MissingFiles(tree)
    missing.add(item, entry, true)
    await this.#deliveries.deliver(missing, tree, known, target)
    onPhase?.('images')
    this.#source = new ChunkSource(basis, fetcher, signal)
    if (missing.count > 0) {
      let done = 0
      const report = (bytes: number): void => {
        done += bytes
        onProgress?.({ phase: 'images', done, total: entry.size } satisfies BuildProgress)
      }
      await target.writeChunks(this.#source, report)
    }
    signal?.throwIfAborted()
    target.finish()
  }
}

/** A basis that has the chunks that lie where the image is to be, too. */
function withChunks(basis: ImageBasis | undefined, there: ReadonlySet<string>): ContentBasis {
  return {
    hasChunk: (digest) => there.has(digest) || basis?.hasChunk(digest) === true,
    contentsOf: (name) => basis?.contentsOf(name),
    open: (digest) => basis?.open(digest),
    chunk: (chunk) => basis?.chunk(chunk),
  }
}
