import { expect } from 'vitest'
import { DeltaContext } from '../../src/delta/delta-context.ts'
import type { ContentPair } from './content-pairs.ts'
import { decodePair, encodePair } from './delta-round-trip.ts'
import { Random } from './random.ts'

const partSizes = [1, 64, 500, 4096, 1 << 20]

/** A pair of this kind and seed becomes a delta and its target again. */
export function checkRoundTrip(make: (random: Random) => ContentPair, seed: number): void {
  const random = new Random(seed)
  const pair = make(random)
  const delta = encodePair(pair, random.pick(partSizes))
  const decoded = decodePair(delta, pair.target.length, pair.bases)
  expectSame(decoded, pair.target, 'the target')
}

/** Pairs one after another, each of which learns from those before it. */
export function checkSequence(makers: readonly ((random: Random) => ContentPair)[], seed: number): void {
  const random = new Random(seed)
  const [encoding, decoding] = [new DeltaContext(), new DeltaContext()]
  for (let length = random.between(2, 4); length > 0; length--) {
    const pair = random.pick(makers)(random)
    const delta = encodePair(pair, random.pick(partSizes), encoding)
    const decoded = decodePair(delta, pair.target.length, pair.bases, decoding)
    expectSame(decoded, pair.target, 'a target')
  }
}

/** As `toEqual`, for more bytes than anyone wants to see. */
export function expectSame(found: Uint8Array, wanted: Uint8Array, name: string): void {
  if (Buffer.compare(found, wanted) === 0) return
  const at = wanted.findIndex((byte, index) => byte !== found[index])
  expect.fail(`${name} of ${wanted.length} bytes has ${found.length}, and differs from byte ${at} on`)
}
