import type { Digest } from '../../../manifests/digest.ts'
import type { PutBody } from '../../../storage/blob-store.ts'
import type { Repository } from '../../repository/repository.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import type { LogHead } from '../../transparency/log-head.ts'
import type { ReadObject } from '../../transparency/read-object.ts'
import type { SignedMetadata } from '../../trust/sign-metadata.ts'
import type { Root } from '@tufjs/models'
import type { Presence } from './presence.ts'

/** What a snapshot names. */
export type ListedState = Omit<RepositoryState, 'timestamp' | 'timestampEtag'>

/** The state that a destination has, whole as far as its presence says. */
export interface MirrorBase {
  /** To read its documents with. */
  readonly repository: Repository
  readonly state: ListedState
  /** The version of its timestamp. */
  readonly timestamp: number
  readonly presence: Presence
}

/** A log as the destination has it. */
export interface MirroredLog {
  readonly head: LogHead
  readonly read: ReadObject
}

/** What is to become visible, when all else is stored. */
export interface MirrorCommit {
  readonly state: RepositoryState
  /** Those that the destination does not have, ascending. */
  readonly roots: readonly SignedMetadata<Root>[]
  readonly presence: Presence
}

/** Where a mirror writes: a store, or one file. */
export interface MirrorTarget extends AsyncDisposable {
  /** For messages. */
  readonly name: string
  /** Undefined: nothing. */
  readonly base: MirrorBase | undefined
  /** Whether all of the base is there for sure. Known after `prepare`. */
  readonly isBaseTrusted: boolean
  /** Of the repository that is there, or was about to be. */
  readonly firstRoot: Buffer | undefined
  /** The whole state, where the destination is one that machines see. */
  readonly visible: RepositoryState | undefined
  /** Objects are put one at a time, and in an order that follows from them alone. */
  readonly isSequential: boolean
  /** Called before the first object is put. */
  prepare(state: RepositoryState): Promise<void>
  /** The log that it has for sure. */
  log(): Promise<MirroredLog | undefined>
  /** The keys of its packs; undefined where nobody knows. */
  packs(): Promise<ReadonlySet<string> | undefined>
  hasChunk(digest: Digest): Promise<boolean>
  /** Of manifests and packs. */
  has(key: string): Promise<boolean>
  put(key: string, body: PutBody): Promise<void>
  /** The head of the log, unless there is a longer one. */
  putCheckpoint(bytes: Buffer, size: number): Promise<void>
  /** Throws a MovedError when the destination is not what it was. */
  commit(commit: MirrorCommit): Promise<void>
}

/** The destination has changed since it was looked at: all that follows from it has to be asked again. */
export class MovedError extends Error {
  override readonly name = 'MovedError'
}
