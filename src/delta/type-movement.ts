import type { TypePiece } from './type-layout.ts'

const unknown = -1

/**
 * Which types of the target the types of the basis become, all counted from the first. A type that no copy takes over
 * moves like the one that refers to it, until it is seen where it really went.
 */
export class TypeMovement {
  readonly #became: Int32Array

  constructor(count: number, pieces: readonly TypePiece[]) {
    this.#became = new Int32Array(count).fill(unknown)
    // Of several copies the longest is right.
    for (const { first, length, shift } of [...pieces].sort((a, b) => a.length - b.length)) {
      for (let index = first; index < first + length; index++) this.#became[index] = index + shift
    }
  }

  /** `from`: the type that refers to it. */
  map(type: number, from: number): number {
    const became = this.#became[type] ?? unknown
    if (became !== unknown) return became
    const referrer = this.#became[from] ?? unknown
    return referrer === unknown ? type : type + referrer - from
  }

  settle(type: number, became: number): void {
    if (type < this.#became.length) this.#became[type] = became
  }
}
