import { isDamage } from '../repository/is-damage.ts'

/** Something that the repository vouches for and that is missing or not what it should be. */
export interface Damage {
  readonly kind: 'metadata' | 'release' | 'channel' | 'manifest' | 'chunk' | 'pack' | 'log'
  /** `release 10`, `chunk sha256:…` */
  readonly what: string
  readonly problem: string
  readonly touches: readonly Touched[]
}

/** What a damage spoils: a module in the releases that have it, or, of a chunk, some of its paths. */
export interface Touched {
  readonly module: string
  readonly releases: readonly number[]
  /** One character a byte; absent where all of the module is spoilt. No more than `maxPaths` are named. */
  readonly paths?: readonly string[]
  /** How many there are. */
  readonly pathCount?: number
}

/** How many paths of a module are named for one damage. */
export const maxPaths = 20

/** An error as the damage it shows. Throws the error when it shows none. */
export function damageOf(error: unknown, damage: Omit<Damage, 'problem'>): Damage {
  if (!isDamage(error)) throw error
  return { ...damage, problem: error.message }
}
