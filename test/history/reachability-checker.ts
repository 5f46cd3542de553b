import { problemWith, signedOf, StateReader, type VisibleState } from './ground-truth.ts'
import type { StoreChange, StoreModel } from './store-model.ts'
import { Violation } from './violation.ts'

const timestampKey = 'tuf/metadata/timestamp.json'

/** A timestamp that took the place of another one with other signed content. */
export interface Commit {
  readonly step: number
  readonly operation: unknown
  readonly state: VisibleState
}

export interface WriteMoment {
  readonly step: number
  /** Of the process that asked for the write. */
  readonly operation: unknown
}

/** At every write: what the visible state needs is there, and nothing is taken back that must stay. */
export class ReachabilityChecker {
  readonly commits: Commit[] = []
  fences = 0
  /** Documents of sweeps that were written. */
  sweeps = 0
  readonly #model: StoreModel
  readonly #moment: () => WriteMoment
  readonly #isMirror: boolean
  readonly #etags = new Set<string>()
  readonly #versions = new Map<number, string>()
  readonly #tables = new Map<string, readonly string[]>()
  /** Keys whose blob with this etag is right. */
  readonly #checked = new Map<string, string>()

  /** A mirror may have missed a release, and see it when it is listed again. */
  constructor(
    model: StoreModel,
    moment: () => WriteMoment,
    { isMirror = false }: { readonly isMirror?: boolean } = {},
  ) {
    this.#model = model
    this.#isMirror = isMirror
    this.#moment = moment
  }

  get visible(): VisibleState | undefined {
    return this.commits.at(-1)?.state
  }

  /** Throws a Violation. */
  readonly check = (change: StoreChange): void => {
    const { key } = change
    if (key.startsWith('private/sweeps/') && change.after !== undefined) this.sweeps++
    if (key === timestampKey) this.#checkTimestamp(change)
    else if (/^(?:tuf|log)\//.test(key)) refuseLoss(change)
    const needed = this.visible?.needed.get(key)
    if (needed !== undefined) this.#checkKey(key)
  }

  #checkTimestamp({ before, after }: StoreChange): void {
    if (after === undefined) throw new Violation('the timestamp was deleted')
    if (this.#etags.has(after.info.etag)) throw new Violation('an etag of the timestamp came back')
    this.#etags.add(after.info.etag)
    if (before !== undefined && isSameText(before.bytes, after.bytes)) {
      if (after.bytes.length <= before.bytes.length) throw new Violation('a fence was taken down')
      this.fences++
      return
    }
    if (before !== undefined && signedOf(after.bytes).version <= signedOf(before.bytes).version) {
      throw new Violation('the version of the timestamp does not grow')
    }
    const state = this.#readState(after.bytes)
    this.#checkVersions(state)
    this.commits.push({ ...this.#moment(), state })
    for (const key of state.needed.keys()) this.#checkKey(key)
  }

  #readState(timestamp: Buffer): VisibleState {
    try {
      return StateReader.read(this.#model.blobs, timestamp, this.#tables)
    } catch (cause) {
      throw new Violation(`what was made visible is not whole: ${(cause as Error).message}`, { cause })
    }
  }

  /** A version is one document's for ever, and new ones are above all there ever were. */
  #checkVersions({ releases }: VisibleState): void {
    const highest = Math.max(0, ...this.#versions.keys())
    for (const [version, digest] of releases) {
      const known = this.#versions.get(version)
      if (known === undefined && version <= highest && !this.#isMirror) {
        throw new Violation(`release ${version} became visible after release ${highest}`)
      }
      if (known !== undefined && known !== digest)
        throw new Violation(`release ${version} came back as another`)
      this.#versions.set(version, digest)
    }
  }

  #checkKey(key: string): void {
    const held = this.#model.blobs.get(key)
    const needed = this.visible?.needed.get(key)
    if (needed === undefined || (held !== undefined && this.#checked.get(key) === held.info.etag)) return
    const problem = problemWith(held, needed)
    if (problem !== undefined) throw new Violation(`${key}, which is reachable, ${problem}`)
    this.#checked.set(key, held?.info.etag ?? '')
  }
}

/** But for white space at the end. */
function isSameText(one: Buffer, other: Buffer): boolean {
  return one.toString().trimEnd() === other.toString().trimEnd()
}

/** What is signed or logged stays for ever, numbered metadata as they are. */
function refuseLoss({ key, before, after }: StoreChange): void {
  if (before === undefined) return
  if (after === undefined) throw new Violation(`${key} was deleted`)
  if (key === 'log/checkpoint' || before.bytes.equals(after.bytes)) return
  throw new Violation(`${key} was overwritten with other bytes`)
}
