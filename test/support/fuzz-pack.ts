import { viewBytes } from '../../src/delta/content-view.ts'
import { PackError } from '../../src/pack/errors.ts'
import { PackReader } from '../../src/pack/pack-reader.ts'
import { MemoryPackTarget, TrespassError } from './memory-pack-target.ts'
import { mutatePack, openPack, type OpenPack } from './mutate-pack.ts'
import { Random } from './random.ts'
import { samplePacks } from './sample-packs.ts'

/** What became of the cases. */
export interface FuzzCounts {
  cases: number
  /** Refused with a PackError. */
  refused: number
  /** Applied to the end, giving other contents than the pack was made of. */
  wrong: number
  /** Applied to the end, giving those contents. */
  right: number
}

/** A pack did something other than be refused or be applied. The case can be had again by its seed. */
export interface FuzzFinding {
  readonly seed: number
  readonly pack: Uint8Array
  readonly of: OpenPack
  readonly error: unknown
}

const samples = 60
/** A basis is looked into once for each content made from it, and read where it is copied. */
const readsOfBasis = 40
const lookBytes = 1 << 20

/** Applies packs that were tampered with; the same cases for the same seeds. */
export class PackFuzzer {
  readonly counts: FuzzCounts = { cases: 0, refused: 0, wrong: 0, right: 0 }
  readonly #packs: readonly OpenPack[] = samplePacks(samples).map(openPack)

  /** The finding, if there is one. */
  run(seed: number): FuzzFinding | undefined {
    const random = new Random(seed)
    // Every eighth is the last one, of archives: no other has recipes.
    const of = random.chance(8) ? (this.#packs.at(-1) as OpenPack) : random.pick(this.#packs)
    const pack = mutatePack(of, random.pick(this.#packs), random)
    const isBlind = random.chance(10)
    const target = new MemoryPackTarget(of.world, () => !isBlind || random.chance(2))
    this.counts.cases++
    try {
      const reader = new PackReader(viewBytes(pack))
      try {
        reader.apply(target, 0, reader.header.groups.length)
      } finally {
        watch(reader, target)
      }
      if (isRight(of, target)) this.counts.right++
      else this.counts.wrong++
    } catch (error) {
      if (!(error instanceof PackError)) return { seed, pack, of, error }
      this.counts.refused++
    }
    return undefined
  }
}

/** No more work than the pack says it is. */
function watch({ header }: PackReader, { bytesWritten, bytesRead, reads }: MemoryPackTarget): void {
  const declared = header.groups.reduce((sum, { targetBytes }) => sum + targetBytes, 0)
  if (bytesWritten > declared) {
    throw new TrespassError(`${bytesWritten} bytes were written by a pack that makes ${declared}`)
  }
  const lines = header.groups.reduce((sum, { streams }) => sum + (streams[0]?.plain ?? 0), 0)
  const mostRead = declared + lines * lookBytes
  if (bytesRead > mostRead) throw new TrespassError(`${bytesRead} bytes were read, more than ${mostRead}`)
  if (reads > readsOfBasis * lines + declared) throw new TrespassError(`there were ${reads} reads`)
}

function isRight({ world }: OpenPack, { made }: MemoryPackTarget): boolean {
  for (const [name, bytes] of made) {
    const position = Number(name.split(' ')[1])
    const wanted = name.startsWith('manifest') ? world.newManifest : world.to.get(position)
    if (wanted === undefined || Buffer.compare(wanted, bytes) !== 0) return false
  }
  return made.size === world.to.size + 1
}
