import type { LineSpan } from '../../manifests/manifest-decoder.ts'

/** Lines of a manifest, 16 bytes each. */
export class LineList {
  /** Position and bytes: two numbers a line. */
  #numbers = new Float64Array(2 * 256)
  #count = 0

  get count(): number {
    return this.#count
  }

  add({ position, bytes }: LineSpan): void {
    if (this.#numbers.length === this.#count * 2) {
      const larger = new Float64Array(this.#numbers.length * 2)
      larger.set(this.#numbers)
      this.#numbers = larger
    }
    this.#numbers.set([position, bytes], this.#count * 2)
    this.#count++
  }

  at(index: number): LineSpan {
    if (index < 0 || index >= this.#count) throw new RangeError(`there is no line ${index}`)
    return {
      position: this.#numbers[index * 2] as number,
      bytes: this.#numbers[index * 2 + 1] as number,
    }
  }
}
