import { hash } from 'node:crypto'

/** Bytes that anyone can make again in any language; the vectors name them instead of holding them. */
export type ByteRecipe =
  | {
      /** SHA-256 of the ASCII text `<seed>:<i>` for i = 0, 1, 2 … in decimal, one after another, cut to `bytes`. */
      readonly recipe: 'sha256-counter'
      readonly seed: string
      readonly bytes: number
    }
  | {
      /** The text's UTF-8 over and over, cut to `bytes`. */
      readonly recipe: 'repeat'
      readonly text: string
      readonly bytes: number
    }
  | {
      /** `bytes` of the value 0. */
      readonly recipe: 'zeros'
      readonly bytes: number
    }
  | {
      /** The parts one after another. */
      readonly recipe: 'concatenation'
      readonly parts: readonly ByteRecipe[]
    }

export function makeBytes(recipe: ByteRecipe): Buffer {
  switch (recipe.recipe) {
    case 'sha256-counter':
      return counterStream(recipe.seed, recipe.bytes)
    case 'repeat':
      return Buffer.alloc(recipe.bytes, recipe.text)
    case 'zeros':
      return Buffer.alloc(recipe.bytes)
    case 'concatenation':
      return Buffer.concat(recipe.parts.map(makeBytes))
  }
}

/** Bytes without any pattern that depend on the seed alone. */
export function counterStream(seed: string, bytes: number): Buffer {
  const stream = Buffer.alloc(bytes)
  for (let i = 0; i * 32 < bytes; i++) hash('sha256', `${seed}:${i}`, 'buffer').copy(stream, i * 32)
  return stream
}

/** Bits of information a byte, by the frequencies of the bytes: 8 for noise, 0 for a single value. */
export function entropyOf(bytes: Uint8Array): number {
  const counts = new Uint32Array(256)
  for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1
  const shares = [...counts].filter((count) => count > 0).map((count) => count / bytes.length)
  return -shares.reduce((sum, share) => sum + share * Math.log2(share), 0)
}
