const defaultItems = 100

/** A single item may be larger: one with large extended attributes, or with many holes. */
const maxPageBytes = 1_000_000

/** One page of a long list: full when it has enough items or bytes. */
export class Page {
  readonly #limit: number
  readonly #items: object[] = []
  #bytes = 0
  #last: (() => string) | undefined
  #next: string | undefined

  constructor(limit: number | undefined) {
    this.#limit = limit ?? defaultItems
  }

  /** Adds an item, given as its JSON; false when there is no room and the list goes on in another page. */
  add(json: string, cursor: () => string): boolean {
    const full = this.#items.length >= this.#limit || this.#bytes + json.length > maxPageBytes
    if (full && this.#items.length > 0) {
      this.#next = this.#last?.()
      return false
    }
    this.#items.push(JSON.parse(json) as object)
    this.#bytes += json.length
    this.#last = cursor
    return true
  }

  get items(): readonly object[] {
    return this.#items
  }

  /** `next`, the cursor to ask for the next page with; nothing on the last one. */
  get continuation(): { readonly next?: string } {
    return this.#next === undefined ? {} : { next: this.#next }
  }
}
