import { BitWriter } from './bit-writer.ts'
import { BlockWriter } from './block-writer.ts'
import type { DeflateParameters } from './deflate-parameters.ts'
import { SymbolFinder } from './symbol-finder.ts'

/**
 * Deflates (RFC 1951) to the same bytes as GNU gzip or zlib. Node's own zlib will not do: it is Chromium's, whose
 * output changes with its version and the processor. One encoder serves any number of inputs, one after another.
 */
export class DeflateEncoder {
  readonly #finder = new SymbolFinder()
  readonly #blocks = new BlockWriter()

  /**
   * Writes the stream of `plain` into `output` from `start` and returns where it ends; undefined when there is too
   * little room. `accept` is told after each block how far the bytes are final; when it answers false the work ends
   * and the result is undefined.
   */
  encode(
    plain: Uint8Array,
    parameters: DeflateParameters,
    output: Uint8Array,
    start: number,
    accept: (end: number) => boolean = () => true,
  ): number | undefined {
    const writer = new BitWriter(output, start)
    const isComplete = this.#finder.find(plain, parameters, (block) => {
      this.#blocks.write(block, plain, writer)
      return writer.end <= output.length && accept(writer.end)
    })
    return isComplete ? writer.end : undefined
  }

  /** The first symbols of `plain` (see SymbolBlock), `count` of them or all there are. */
  firstSymbols(plain: Uint8Array, parameters: DeflateParameters, count: number): Uint32Array {
    let symbols = new Uint32Array()
    const take = (block: { readonly symbols: Uint32Array; readonly count: number }): boolean => {
      symbols = block.symbols.slice(0, block.count)
      return false
    }
    this.#finder.find(plain, parameters, take, count)
    return symbols
  }
}
