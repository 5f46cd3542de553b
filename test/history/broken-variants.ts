import type { BlobStore } from '../../storage/blob-store.ts'
import { chunkPrefix, sweepPrefix } from '../../src/repository/layout.ts'
import {
  HastyEnd,
  LateWrites,
  NoFence,
  NoSecondLook,
  NoSweeps,
  RefusalIsConflict,
  SlowDeletes,
  StaleListing,
  StoppedClock,
  Unconditional,
} from './broken-stores.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** Breaks a rule of the protocol on purpose, for one kind of process. */
export interface BrokenVariant {
  /** What is wrong with it. */
  readonly name: string
  /** Of the processes it is about. */
  readonly of: 'publisher' | 'collector'
  /** What the checker says of it. */
  readonly shownBy: RegExp
  /** `bare`: the store below the one that tries again what failed. */
  readonly spoil: (store: BlobStore, process: SimulatedProcess, bare: BlobStore) => BlobStore
}

const isContent = (key: string): boolean => key.startsWith(chunkPrefix)

const lost = /which is reachable, is missing|is not whole: .* is missing/

export const brokenVariants: readonly BrokenVariant[] = [
  {
    name: 'a publisher that commits before its chunks are stored',
    of: 'publisher',
    shownBy: lost,
    spoil: (store) =>
      new LateWrites(store, isContent, (operation) => (operation === 'replace' ? 'after' : undefined)),
  },
  {
    name: 'a publisher that makes a timestamp visible before the snapshot that it names',
    of: 'publisher',
    shownBy: lost,
    spoil: (store) =>
      new LateWrites(
        store,
        (key) => key.endsWith('.snapshot.json'),
        (operation) => (operation === 'replace' ? 'after' : undefined),
      ),
  },
  {
    name: 'a publisher that replaces the timestamp without a condition',
    of: 'publisher',
    shownBy: /does not grow|came back|fence was taken down|changed|was overwritten|became visible|is missing/,
    spoil: (store) => new Unconditional(store),
  },
  {
    name: 'a publisher that takes every refusal of a repeated conditional write for a conflict',
    of: 'publisher',
    shownBy: /was told "conflict", and is visible/,
    spoil: (store, process, bare) => new RefusalIsConflict(store, bare, process),
  },
  {
    name: 'a publisher that trusts a listing which it made before it read the state',
    of: 'publisher',
    shownBy: lost,
    spoil: (store) => new StaleListing(store),
  },
  {
    name: 'a publisher that does not look for sweeps',
    of: 'publisher',
    shownBy: lost,
    spoil: (store) => new NoSweeps(store),
  },
  {
    name: 'a collector without the fence',
    of: 'collector',
    shownBy: lost,
    spoil: (store) => new NoFence(store),
  },
  {
    name: 'a collector that writes the document of a sweep after it has looked what is reachable',
    of: 'collector',
    shownBy: lost,
    spoil: (store, process) =>
      new SlowDeletes(
        new LateWrites(
          store,
          (key) => key.startsWith(sweepPrefix),
          (operation) => (operation === 'deleteMany' ? 'before' : undefined),
        ),
        process,
      ),
  },
  {
    name: 'a collector that removes the document of a sweep while its deletes may still arrive',
    of: 'collector',
    shownBy: lost,
    spoil: (store) => new HastyEnd(store),
  },
  {
    name: 'a collector that does not see how long it stood still',
    of: 'collector',
    shownBy: lost,
    spoil: (store, process) => new StoppedClock(store, process),
  },
  {
    name: 'a collector that looks at its clock before a delete, and not again before it repeats that',
    of: 'collector',
    shownBy: lost,
    spoil: (store, process, bare) => new NoSecondLook(store, bare, process),
  },
]
