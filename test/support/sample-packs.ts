import { readFileSync } from 'node:fs'
import { byGzip9, deflateAs, gzipMember } from '../src/recompression/sample-archives.ts'
import { contentPairs } from './content-pairs.ts'
import { makeMemoryPack, type PackItem } from './memory-pack.ts'
import { inStream, type PackWorld } from './memory-pack-target.ts'
import { Random } from './random.ts'

export interface SamplePack {
  readonly name: string
  readonly world: PackWorld
  readonly pack: Buffer
}

/** Contents as the pack of a release has them, of every kind there is a pair for. */
export function randomWorld(random: Random): {
  readonly world: PackWorld
  readonly items: readonly PackItem[]
} {
  const kinds = Object.values(contentPairs)
  const pairs = Array.from({ length: random.between(1, 6) }, () => random.pick(kinds)(random)).filter(
    ({ target, bases }) => target.length > 0 && bases.every((basis) => basis.length > 0),
  )
  const [to, from] = [
    inStream(pairs.map(({ target }) => target)),
    inStream(pairs.flatMap(({ bases }) => bases)),
  ]
  const world: PackWorld = {
    to,
    from,
    newManifest: Buffer.from(`the new manifest ${random.below(1000)}`.repeat(random.between(1, 9))),
    oldManifest: random.chance(4) ? undefined : Buffer.from('the old manifest '.repeat(random.between(1, 9))),
  }
  return { world, items: itemsOf(world, pairs, random) }
}

function itemsOf(
  { to, from, oldManifest }: PackWorld,
  pairs: readonly { readonly bases: readonly Uint8Array[] }[],
  random: Random,
): PackItem[] {
  const toPositions = [...to.keys()]
  const fromPositions = [...from.keys()]
  const items: PackItem[] = [{ what: 'manifest', position: 0, bases: oldManifest === undefined ? [] : [0] }]
  let next = 0
  for (const [index, { bases }] of pairs.entries()) {
    const own = fromPositions.slice(next, next + bases.length)
    next += bases.length
    items.push({
      what: 'content',
      position: toPositions[index] as number,
      bases: random.chance(6) ? [] : own,
    })
  }
  return items
}

/** Small packs of every kind, always the same. */
export function samplePacks(count: number): SamplePack[] {
  const made = Array.from({ length: count }, (_, seed) => {
    const random = new Random(seed)
    const { world, items } = randomWorld(random)
    const options = {
      partBytes: random.pick([64, 500, 1 << 20]),
      isGroupFull: () => random.chance(4),
    }
    return { name: `random ${seed}`, world, pack: makeMemoryPack(world, items, options) }
  })
  return [...made, sourcePack(), archivePack()]
}

/** Of archives, each expressed by what is compressed in it. */
export function archivePack(): SamplePack {
  const texts = [0, 1, 2, 3].map((seed) => {
    const words = Array.from({ length: 40 }, (_, index) => `word ${index % 7} of ${seed}`)
    return new Random(seed).shuffle(words).join(' ')
  })
  const archive = (text: string): Uint8Array => gzipMember(deflateAs(byGzip9)(Buffer.from(text)), 2)
  const world: PackWorld = {
    to: inStream(texts.map((text) => archive(`${text} and more`))),
    from: inStream(texts.map(archive)),
    newManifest: Buffer.from('new'),
    oldManifest: undefined,
  }
  const bases = [...world.from.keys()]
  const contents = Array.from(world.to.keys(), (position, index): PackItem => {
    const own = index === 3 ? [] : [bases[index] as number]
    return { what: 'content', position, bases: own, isRepacked: true }
  })
  const items: PackItem[] = [{ what: 'manifest', position: 0, bases: [] }, ...contents]
  const options = { partBytes: 4096, isGroupFull: () => false }
  return { name: 'archives', world, pack: makeMemoryPack(world, items, options) }
}

/** Of files of this project, each from the one before it. */
function sourcePack(): SamplePack {
  const files = ['elf', 'find-copies', 'predictor', 'layout', 'movement'].map((name) =>
    readFileSync(new URL(`../../src/delta/${name}.ts`, import.meta.url)),
  )
  const world: PackWorld = {
    to: inStream(files),
    from: inStream(files.map((file) => file.subarray(100, -300))),
    newManifest: readFileSync(new URL('../../package.json', import.meta.url)),
    oldManifest: undefined,
  }
  const bases = [...world.from.keys()]
  const contents = Array.from(world.to.keys(), (position, index): PackItem => ({
    what: 'content',
    position,
    bases: [bases[index] as number],
  }))
  const items: PackItem[] = [{ what: 'manifest', position: 0, bases: [] }, ...contents]
  return {
    name: 'source files',
    world,
    pack: makeMemoryPack(world, items, { partBytes: 4096, isGroupFull: () => false }),
  }
}
