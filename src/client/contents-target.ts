import type { FileEntry } from '../../manifests/entry.ts'
import { PackError } from '../pack/errors.ts'
import type { PackContent } from '../pack/pack-index.ts'
import type { ContentSink, PackTarget } from '../pack/pack-reader.ts'
import type { ContentView } from '../delta/content-view.ts'
import type { LocalContents, OpenContent } from './local-contents.ts'
import type { ModuleContents } from './module-contents.ts'

export interface ContentsTargetOptions {
  /** Of the manifest that the pack leads from; undefined: of nothing. */
  readonly from: ModuleContents | undefined
  readonly to: ModuleContents
  readonly local: LocalContents
  /** Undefined: that content is not wanted. */
  readonly sinkFor: (entry: FileEntry) => (ContentSink & Disposable) | undefined
}

/** What the contents of a pack are applied to: bases that lie on the machine, and whoever takes what is made. */
export class ContentsTarget implements PackTarget, Disposable {
  readonly #options: ContentsTargetOptions
  /** The bases of the content at hand: a few files are open at most. */
  #bases: OpenContent[] = []
  #hasBegun = false
  #sink: (ContentSink & Disposable) | undefined

  constructor(options: ContentsTargetOptions) {
    this.#options = options
  }

  content(what: PackContent['what'], position: number): number {
    const size = what === 'content' ? this.#options.to.sizeAt(position) : undefined
    return size ?? refuse(`makes a ${what} at ${position}, where the new manifest has none`)
  }

  basis(what: PackContent['what'], position: number): number {
    const size = what === 'content' ? this.#options.from?.sizeAt(position) : undefined
    return size ?? refuse(`uses a ${what} at ${position}, where the old manifest has none`)
  }

  openBasis(_what: PackContent['what'], position: number): ContentView | undefined {
    if (this.#hasBegun) this.#closeBases()
    const entry = this.#options.from?.entryAt(position)
    const view = entry === undefined ? undefined : this.#options.local.open(entry.digest)
    if (view !== undefined) this.#bases.push(view)
    return view
  }

  begin(content: PackContent): ContentSink | undefined {
    if (this.#hasBegun && content.bases.length === 0) this.#closeBases()
    this.#hasBegun = true
    const entry = this.#options.to.entryAt(content.position)
    this.#sink?.[Symbol.dispose]()
    this.#sink = entry === undefined ? undefined : this.#options.sinkFor(entry)
    return this.#sink
  }

  [Symbol.dispose](): void {
    this.#closeBases()
    this.#sink?.[Symbol.dispose]()
    this.#sink = undefined
  }

  #closeBases(): void {
    for (const basis of this.#bases) basis[Symbol.dispose]()
    this.#bases = []
    this.#hasBegun = false
  }
}

function refuse(what: string): never {
  throw new PackError('PACK_CORRUPT', `the pack ${what}`)
}
