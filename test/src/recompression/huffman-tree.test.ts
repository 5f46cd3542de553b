import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HuffmanTree } from '../../../src/recompression/huffman-tree.ts'

function build(frequencies: readonly number[], maxBits: number): HuffmanTree {
  const tree = new HuffmanTree(frequencies.length, maxBits)
  tree.frequencies.set(frequencies)
  tree.build()
  return tree
}

/** 1 when every sequence of bits is some sequence of codes. */
function kraftSum(lengths: Uint8Array): number {
  return lengths.reduce((sum, bits) => sum + (bits === 0 ? 0 : 2 ** -bits), 0)
}

/** The least bits that any prefix code takes, by Huffman's own construction. */
function leastBits(frequencies: readonly number[]): number {
  const weights = frequencies.filter((frequency) => frequency > 0)
  let bits = 0
  while (weights.length > 1) {
    weights.sort((a, b) => b - a)
    const sum = (weights.pop() ?? 0) + (weights.pop() ?? 0)
    bits += sum
    weights.push(sum)
  }
  return bits
}

describe('HuffmanTree', () => {
  test.each([
    [[], 1],
    [[0, 0, 0, 7], 3],
    [[7], 1],
    [[0, 7], 2],
    [[0, 0, 7], 2],
  ])('makes up a second symbol: %j', (present, last) => {
    const frequencies = Array.from({ length: 30 }, (_, symbol) => present[symbol] ?? 0)
    const { lengths, lastSymbol } = build(frequencies, 15)
    expect([...lengths].filter((bits) => bits > 0)).toEqual([1, 1])
    expect(lastSymbol).toBe(last)
  })

  test('is complete and as short as can be', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 19, maxLength: 60 }), (frequencies) => {
        fc.pre(frequencies.filter((frequency) => frequency > 0).length > 1)
        const tree = build(frequencies, 15)
        expect(kraftSum(tree.lengths)).toBe(1)
        expect(tree.bitsOfContent(new Uint8Array(frequencies.length), 0)).toBe(leastBits(frequencies))
      }),
    )
  })

  test('is complete within the limit where the shortest code would exceed it', () => {
    const fibonacci = [1, 1]
    while (fibonacci.length < 24) fibonacci.push((fibonacci.at(-1) ?? 0) + (fibonacci.at(-2) ?? 0))
    for (const maxBits of [5, 7, 15]) {
      const { lengths } = build(fibonacci, maxBits)
      expect(kraftSum(lengths)).toBe(1)
      expect(Math.max(...lengths)).toBe(maxBits)
      expect([...lengths]).toEqual([...lengths].sort((a, b) => b - a))
    }
  })
})
