export const blockBytes = 256 * 1024

const pooledBlocks = 16

/** Buffers that are used again: to get one from the kernel costs as much as to fill it. */
export class BlockPool {
  readonly #free: Buffer[] = []

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(blockBytes)
  }

  /** Nobody may look into it any more. */
  giveBack(block: Buffer): void {
    if (this.#free.length < pooledBlocks) this.#free.push(block)
  }
}
