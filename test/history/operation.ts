import { isTransient } from '../../storage/backoff.ts'
import { Violation } from './violation.ts'

/** What a caller was told. `unknown`: the store could not say; nothing yet: the caller died, or is still about it. */
export type Outcome = 'done' | 'found' | 'conflict' | 'refused' | 'unknown'

/** One attempt to change what is visible, from its call to its return. */
export interface Operation {
  readonly kind: 'publish' | 'channel' | 'refresh' | 'collect' | 'undo'
  readonly name: string
  /** Steps of the world. */
  readonly begun: number
  ended: number | undefined
  outcome: Outcome | undefined
  /** What it may change: a release of this version … */
  readonly version?: number | undefined
  /** … and this channel. */
  readonly channel?: string | undefined
}

const refusals = new Set([
  'VERSION_EXISTS',
  'VERSION_NOT_INCREASING',
  'RELEASE_UNKNOWN',
  'CHANNEL_UNKNOWN',
  'ROLLOUT_WOULD_NARROW',
  'COLLECTION_UNKNOWN',
  'COLLECTION_SWEPT',
])

/** Throws a Violation for what nobody may ever be told here. */
export function outcomeOf(error: unknown): Outcome {
  if (isTransient(error)) return 'unknown'
  const { code } = error as { readonly code?: unknown }
  if (code === 'PUBLISH_CONFLICT') return 'conflict'
  if (typeof code === 'string' && refusals.has(code)) return 'refused'
  throw error instanceof Violation ? error : new Violation(`failed: ${String(error)}`, { cause: error })
}
