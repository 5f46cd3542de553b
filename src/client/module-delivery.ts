import { existsSync } from 'node:fs'
import { PackError } from '../pack/errors.ts'
import {
  chooseDelivery,
  isChainWorthAsking,
  isPackWorthAsking,
  stepsBetween,
  type ChunkNeed,
  type DeliveryMeans,
} from './delivery-plan.ts'
import { MachineError } from './errors.ts'
import { fetchManifest } from './fetch-manifest.ts'
import type { HttpFetcher } from './http-fetcher.ts'
import type { MachineLayout } from './machine-layout.ts'
import type { SlotRecord } from './machine-state.ts'
import type { ManifestRef } from './make-manifest.ts'
import { PackChain, type ChainTarget } from './pack-chain.ts'

/** How a module came, and why so. */
export interface DeliveryReport {
  readonly module: string
  /** `nothing`: all of it was on the machine. */
  readonly means: DeliveryMeans | 'nothing'
  /** Of the packs that were used. */
  readonly packs: number
  readonly packBytes: number
  /** What was missing, in chunks that the machine had not, before any pack was applied. */
  readonly missingChunks: ChunkNeed
  /** Why no pack was used, or not to its end: in words. */
  readonly problem: string | undefined
}

export interface ModuleDeliveryContext {
  readonly layout: MachineLayout
  readonly fetcher: HttpFetcher
  readonly signal: AbortSignal | undefined
  /** The releases between the installed one and the one to come. Asks the repository `releasesBetween` times. */
  readonly between: {
    readonly count: number
    readonly manifestsOf: (module: string) => Promise<readonly ManifestRef[]>
  }
}

type Module = SlotRecord['modules'][number]

const nothingMissing: ChunkNeed = { count: 0, plainBytes: 0 }

/** Brings one module from the manifest that is installed to the one that is wanted. */
export class ModuleDelivery implements AsyncDisposable {
  readonly #context: ModuleDeliveryContext
  readonly #from: Module | undefined
  readonly #to: Module & { readonly contentBytes: number }
  #chain: PackChain | undefined
  #hasAsked = false
  #problem: string | undefined
  #means: DeliveryReport['means'] = 'nothing'
  #need = nothingMissing
  #packs = 0
  #packBytes = 0

  /** `from`: what is installed, with its manifest on the machine. */
  constructor(
    from: Module | undefined,
    to: Module & { readonly contentBytes: number },
    context: ModuleDeliveryContext,
  ) {
    this.#from = from
    this.#to = to
    this.#context = context
  }

  get name(): string {
    return this.#to.name
  }

  get report(): DeliveryReport {
    const [packs, packBytes] = [this.#packs, this.#packBytes]
    const { name: module } = this.#to
    return { module, means: this.#means, packs, packBytes, missingChunks: this.#need, problem: this.#problem }
  }

  /** Out of a pack, whose rest then goes on coming, or else as it lies in the repository. */
  async obtainManifest(): Promise<void> {
    const { layout, fetcher, signal } = this.#context
    if (existsSync(layout.manifest(this.#to.digest))) return
    await this.#ask()
    if (this.#chain !== undefined) await this.#attempt(async (chain) => chain.makeFirstManifest())
    await fetchManifest(layout, fetcher, this.#to, signal)
  }

  /** Gives up a pack that cannot pay, `most` being all that might be missing, before more of it has come. */
  async reconsider(most: ChunkNeed): Promise<void> {
    if (this.#chain !== undefined && chooseDelivery(most, this.#chain.offer) === 'chunks')
      await this.#giveUp()
  }

  /** Decides how what is missing is to come, now that it is known. */
  async choose(need: ChunkNeed): Promise<void> {
    this.#need = need
    if (!this.#hasAsked && need.count > 0 && this.#isChanged && isPackWorthAsking(need)) await this.#ask()
    if (this.#chain === undefined && isChainWorthAsking(need, this.#context.between.count))
      await this.#askChain()
    this.#means = need.count === 0 ? 'nothing' : chooseDelivery(need, this.#chain?.offer)
    if (this.#chain === undefined || this.#means === 'pack' || this.#means === 'chain') return
    await (need.count > 0 ? this.#giveUp() : this.#drop())
  }

  /** The packs that were chosen, if any. */
  get chosen(): PackChain | undefined {
    return this.#chain
  }

  /** Takes and applies what was chosen. What could not be made in this way stays missing. */
  async deliver(
    target: ChainTarget,
    onDownload: (received: number, total: number) => void,
    onDownloaded: () => void,
  ): Promise<void> {
    await this.#attempt(async (chain) => {
      await chain.download((received) => onDownload(received, chain.offer.bytes))
      onDownloaded()
      const { bytes, links } = chain.offer
      this.#packs = links
      this.#packBytes = bytes
      await chain.apply(target)
    })
    if (this.#chain === undefined) this.#means = this.#packs === 0 ? 'chunks' : this.#means
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chain?.[Symbol.asyncDispose]()
  }

  get #isChanged(): boolean {
    return this.#from?.digest !== this.#to.digest
  }

  async #ask(): Promise<void> {
    this.#hasAsked = true
    await this.#begin([this.#from, this.#to])
    if (this.#chain !== undefined || this.#problem !== undefined) return
    this.#problem =
      this.#from === undefined
        ? 'the repository has no pack for a first install'
        : 'the repository has no pack from what is installed'
  }

  async #askChain(): Promise<void> {
    const from = this.#from
    if (from === undefined || !this.#isChanged || this.#context.between.count === 0) return
    const between = await this.#context.between.manifestsOf(this.#to.name)
    const steps = stepsBetween(from, between, this.#to)
    if (steps !== undefined) await this.#begin([from, ...steps, this.#to])
  }

  async #begin(manifests: readonly [ManifestRef | undefined, ...ManifestRef[]]): Promise<void> {
    const { layout, fetcher, signal } = this.#context
    const { name: module, contentBytes, bytes } = this.#to
    // More than everything whole, uncompressed, is worth nothing.
    const maxBytes = Math.ceil((contentBytes + bytes) * 1.1) + (1 << 20)
    await this.#orSay(async () => {
      this.#chain = await PackChain.begin({ module, manifests, layout, fetcher, maxBytes, signal })
    })
  }

  /** Does something with the packs; when it fails for what they are, they are dropped. */
  async #attempt(work: (chain: PackChain) => Promise<void>): Promise<void> {
    const chain = this.#chain
    if (chain !== undefined && !(await this.#orSay(async () => work(chain)))) await this.#drop()
  }

  async #giveUp(): Promise<void> {
    this.#problem = 'what is missing comes to less in chunks'
    await this.#drop()
  }

  async #drop(): Promise<void> {
    await this.#chain?.abandon()
    this.#chain = undefined
  }

  /** False when it failed in a way that chunks make up for. */
  async #orSay(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      this.#context.signal?.throwIfAborted()
      if (!(error instanceof PackError) && !(error instanceof MachineError)) throw error
      if (error instanceof PackError && error.code !== 'PACK_TOO_LARGE') this.#chain?.blame(error)
      this.#problem = error.message
      return false
    }
  }
}
