import { showMember } from './errors.ts'

/** What a source has and a manifest does not say, gathered: a note for each kind, with the first path and a count. */
export class SourceNotes {
  readonly #kinds = new Map<string, { readonly first: string; count: number }>()

  /** `what` reads on from "has". */
  add(path: string, what: string): void {
    const kind = this.#kinds.get(what)
    if (kind === undefined) this.#kinds.set(what, { first: path, count: 1 })
    else kind.count++
  }

  all(source: string): string[] {
    return Array.from(this.#kinds, ([what, { first, count }]) => {
      const others = count === 1 ? '' : ` (and ${count - 1} more)`
      return `${source}: ${showMember(first)}${others} has ${what}, which is left out`
    })
  }
}
