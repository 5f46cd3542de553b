import type { BitWriter } from './bit-writer.ts'
import {
  canonicalCodes,
  distanceBase,
  distanceCodeOf,
  distanceCodes,
  distanceExtraBits,
  endOfBlock,
  fixedDistanceLengths,
  fixedLiteralLengths,
  lengthBase,
  lengthCodeCodes,
  lengthCodeExtraBits,
  lengthCodeOf,
  lengthCodeOrder,
  lengthExtraBits,
  literalCodes,
  maxCodeBits,
  maxLengthCodeBits,
} from './deflate-codes.ts'
import { HuffmanTree } from './huffman-tree.ts'
import type { SymbolBlock } from './symbol-block.ts'

const firstLengthCode = endOfBlock + 1
const blockTypes = { stored: 0, fixed: 1, dynamic: 2 }

interface Code {
  readonly codes: Uint16Array
  readonly lengths: Uint8Array
}

/** Writes blocks (RFC 1951 §3.2.3) in the form that gzip and zlib find shortest, counted in whole bytes as they do. */
export class BlockWriter {
  readonly #literals = new HuffmanTree(literalCodes, maxCodeBits)
  readonly #distances = new HuffmanTree(distanceCodes, maxCodeBits)
  readonly #codeLengths = new HuffmanTree(lengthCodeCodes, maxLengthCodeBits)
  readonly #fixedLiterals = fixedCode(fixedLiteralLengths)
  readonly #fixedDistances = fixedCode(fixedDistanceLengths)

  /** `input`: what the block's places refer to. */
  write(block: SymbolBlock, input: Uint8Array, writer: BitWriter): void {
    this.#count(block)
    this.#literals.build()
    this.#distances.build()
    const runs = [
      ...runsOf(this.#literals.lengths, this.#literals.lastSymbol),
      ...runsOf(this.#distances.lengths, this.#distances.lastSymbol),
    ]
    this.#buildCodeLengths(runs)
    const orderCount = this.#codeLengthCount()
    const fixedBytes = wholeBytes(
      this.#bitsOfContent(this.#fixedLiterals.lengths, this.#fixedDistances.lengths),
    )
    const dynamicBytes = wholeBytes(
      this.#bitsOfContent(this.#literals.lengths, this.#distances.lengths) + this.#treeBits(orderCount),
    )
    const storedBytes = block.end - block.start
    const last = block.isLast ? 1 : 0
    if (block.isStorable && storedBytes + 4 <= Math.min(fixedBytes, dynamicBytes)) {
      writer.put((blockTypes.stored << 1) | last, 3)
      writeStored(input.subarray(block.start, block.end), writer)
    } else if (fixedBytes <= dynamicBytes) {
      writer.put((blockTypes.fixed << 1) | last, 3)
      writeSymbols(block, this.#fixedLiterals, this.#fixedDistances, writer)
    } else {
      writer.put((blockTypes.dynamic << 1) | last, 3)
      this.#writeTrees(runs, orderCount, writer)
      writeSymbols(block, this.#literals, this.#distances, writer)
    }
    if (block.isLast) writer.align()
  }

  #count({ symbols, count }: SymbolBlock): void {
    const literals = this.#literals.frequencies.fill(0)
    const distances = this.#distances.frequencies.fill(0)
    for (let i = 0; i < count; i++) {
      const symbol = symbols[i] as number
      if (symbol < 256) literals[symbol] = (literals[symbol] as number) + 1
      else {
        const code = firstLengthCode + (lengthCodeOf[symbol & 255] as number)
        literals[code] = (literals[code] as number) + 1
        const distanceCode = codeOfDistance((symbol >>> 8) - 1)
        distances[distanceCode] = (distances[distanceCode] as number) + 1
      }
    }
    literals[endOfBlock] = 1
  }

  #bitsOfContent(literalLengths: Uint8Array, distanceLengths: Uint8Array): number {
    return (
      this.#literals.bitsOfContent(lengthExtraBits, firstLengthCode, literalLengths) +
      this.#distances.bitsOfContent(distanceExtraBits, 0, distanceLengths)
    )
  }

  #buildCodeLengths(runs: readonly Run[]): void {
    const { frequencies } = this.#codeLengths
    frequencies.fill(0)
    for (const { symbol } of runs) frequencies[symbol] = (frequencies[symbol] as number) + 1
    this.#codeLengths.build()
  }

  /** How many code length codes are sent: four, or up to the last in use. */
  #codeLengthCount(): number {
    let count = lengthCodeCodes
    while (count > 4 && this.#codeLengths.lengths[lengthCodeOrder[count - 1] as number] === 0) count--
    return count
  }

  #treeBits(orderCount: number): number {
    return 5 + 5 + 4 + 3 * orderCount + this.#codeLengths.bitsOfContent(lengthCodeExtraBits, 0)
  }

  #writeTrees(runs: readonly Run[], orderCount: number, writer: BitWriter): void {
    writer.put(this.#literals.lastSymbol + 1 - firstLengthCode, 5)
    writer.put(this.#distances.lastSymbol, 5)
    writer.put(orderCount - 4, 4)
    const { codes, lengths } = this.#codeLengths
    for (const symbol of lengthCodeOrder.subarray(0, orderCount)) writer.put(lengths[symbol] as number, 3)
    for (const { symbol, extra } of runs) {
      writer.put(codes[symbol] as number, lengths[symbol] as number)
      writer.put(extra, lengthCodeExtraBits[symbol] as number)
    }
  }
}

function fixedCode(lengths: Uint8Array): Code {
  return { codes: canonicalCodes(lengths), lengths }
}

/** What the three bits before a block and the last byte's empty ones add. */
function wholeBytes(bits: number): number {
  return (bits + 3 + 7) >>> 3
}

function codeOfDistance(distanceLessOne: number): number {
  return distanceCodeOf[distanceLessOne < 256 ? distanceLessOne : 256 + (distanceLessOne >> 7)] as number
}

function writeStored(bytes: Uint8Array, writer: BitWriter): void {
  writer.align()
  writer.put(bytes.length, 16)
  writer.put(~bytes.length & 0xffff, 16)
  writer.putBytes(bytes)
}

function writeSymbols(
  { symbols, count }: SymbolBlock,
  literals: Code,
  distances: Code,
  writer: BitWriter,
): void {
  const literalBits = literals.codes
  const literalLengths = literals.lengths
  for (let i = 0; i < count; i++) {
    const symbol = symbols[i] as number
    if (symbol < 256) {
      writer.put(literalBits[symbol] as number, literalLengths[symbol] as number)
      continue
    }
    const length = symbol & 255
    const code = lengthCodeOf[length] as number
    writer.put(
      literalBits[firstLengthCode + code] as number,
      literalLengths[firstLengthCode + code] as number,
    )
    writer.put(length - (lengthBase[code] as number), lengthExtraBits[code] as number)
    const distance = (symbol >>> 8) - 1
    const distanceCode = codeOfDistance(distance)
    writer.put(distances.codes[distanceCode] as number, distances.lengths[distanceCode] as number)
    writer.put(distance - (distanceBase[distanceCode] as number), distanceExtraBits[distanceCode] as number)
  }
  writer.put(literalBits[endOfBlock] as number, literalLengths[endOfBlock] as number)
}

/** A code length, or 16, 17 or 18 and by how much it exceeds the least number of repetitions (RFC 1951 §3.2.7). */
interface Run {
  readonly symbol: number
  readonly extra: number
}

/** The lengths up to `last` in runs, split as gzip and zlib split them: from the left, each as long as may be. */
function runsOf(lengths: Uint8Array, last: number): Run[] {
  const runs: Run[] = []
  for (let from = 0; from <= last;) {
    const bits = lengths[from] as number
    let to = from + 1
    while (to <= last && lengths[to] === bits) to++
    if (bits === 0) addZeros(runs, to - from)
    else addLengths(runs, bits, to - from)
    from = to
  }
  return runs
}

function addZeros(runs: Run[], count: number): void {
  for (let left = count; left > 0;) {
    const taken = Math.min(left, 138)
    if (taken < 3) for (let i = 0; i < taken; i++) runs.push({ symbol: 0, extra: 0 })
    else if (taken <= 10) runs.push({ symbol: 17, extra: taken - 3 })
    else runs.push({ symbol: 18, extra: taken - 11 })
    left -= taken
  }
}

function addLengths(runs: Run[], bits: number, count: number): void {
  runs.push({ symbol: bits, extra: 0 })
  for (let left = count - 1; left > 0;) {
    const taken = Math.min(left, 6)
    if (taken < 3) for (let i = 0; i < taken; i++) runs.push({ symbol: bits, extra: 0 })
    else runs.push({ symbol: 16, extra: taken - 3 })
    left -= taken
  }
}
