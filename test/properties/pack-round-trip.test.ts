import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { viewBytes } from '../../src/delta/content-view.ts'
import { PackReader } from '../../src/pack/pack-reader.ts'
import { expectSame } from '../support/check-round-trip.ts'
import { makeMemoryPack } from '../support/memory-pack.ts'
import { MemoryPackTarget, type PackWorld } from '../support/memory-pack-target.ts'
import { Random } from '../support/random.ts'
import { archivePack, randomWorld } from '../support/sample-packs.ts'

/** Always the same cases; fast-check names the seed of the one that failed. */
const seed = 20_261_123
const seeds = fc.nat({ max: 2 ** 30 })
const numRuns = 60

function makeCase(one: number) {
  const random = new Random(one)
  const made = randomWorld(random)
  const pack = makeMemoryPack(made.world, made.items, {
    partBytes: random.pick([1, 64, 500, 1 << 20]),
    isGroupFull: () => random.chance(3),
  })
  return { ...made, reader: new PackReader(viewBytes(pack)), pack }
}

function wantedOf({ to, newManifest }: PackWorld): Map<string, Uint8Array> {
  const contents = [...to].map(([position, bytes]): [string, Uint8Array] => [`content ${position}`, bytes])
  return new Map([['manifest 0', newManifest], ...contents])
}

function expectEqual(made: ReadonlyMap<string, Uint8Array>, wanted: ReadonlyMap<string, Uint8Array>): void {
  expect([...made.keys()].sort()).toEqual([...wanted.keys()].sort())
  for (const [name, bytes] of wanted) expectSame(made.get(name) as Uint8Array, bytes, name)
}

describe('a pack', () => {
  test('gives back archives that were expressed by what is in them', () => {
    const { world, pack } = archivePack()
    const target = new MemoryPackTarget(world)
    const reader = new PackReader(viewBytes(pack))
    reader.apply(target, 0, reader.header.groups.length)
    expectEqual(target.made, wantedOf(world))
  })

  test('gives back everything that was put into it', () => {
    const property = fc.property(seeds, (one) => {
      const { world, reader, pack } = makeCase(one)
      expect(reader.length).toBe(pack.length)
      const target = new MemoryPackTarget(world)
      const done: number[] = []
      reader.apply(target, 0, reader.header.groups.length, (group) => done.push(group))
      expect(done).toEqual([...reader.header.groups.keys()])
      expectEqual(target.made, wantedOf(world))
      expect(target.bytesWritten).toBe(
        reader.header.groups.reduce((sum, { targetBytes }) => sum + targetBytes, 0),
      )
    })
    fc.assert(property, { seed, numRuns, endOnFailure: true })
  })

  test('gives back all but what is made from a basis that is not there, or learned from what is', () => {
    const property = fc.property(seeds, (one) => {
      const { world, items, reader } = makeCase(one)
      const random = new Random(one)
      const missing = new Set([...world.from.keys()].filter(() => random.chance(3)))
      const target = new MemoryPackTarget(world, (position) => !missing.has(position))
      reader.apply(target, 0, reader.header.groups.length)
      const lost = items
        .filter(({ bases }) => bases.some((basis) => missing.has(basis)))
        .map(({ what, position }) => `${what} ${position}`)
      expect(target.abandoned).toEqual(lost)
      const wanted = wantedOf(world)
      const taught = target.predicted.findIndex((name) => lost.includes(name))
      const unsure = taught < 0 ? [] : target.predicted.slice(taught)
      for (const name of [...lost, ...unsure]) wanted.delete(name)
      for (const name of unsure) target.made.delete(name)
      expectEqual(target.made, wanted)
    })
    fc.assert(property, { seed, numRuns, endOnFailure: true })
  })
})
