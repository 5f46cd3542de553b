import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Command } from './measure.ts'

/** Where one contender works in one round. */
export interface Place {
  /** The tree to publish. */
  readonly tree: string
  /** The same tree without device nodes, fifos and sockets. */
  readonly plainTree: string
  /** Empty at the start of the round and the contender's own. */
  readonly directory: string
}

export interface Contender {
  readonly name: string
  readonly remark: string
  /** Not measured. */
  readonly prepare?: (place: Place) => readonly Command[]
  /** Publishes the tree for the first time; absent from what stores nothing and only reads. */
  readonly first?: (place: Place) => Command
  /** Publishes the tree once more, unchanged. */
  readonly again: (place: Place) => Command
  /** Where the chunks or objects lie, below the directory. */
  readonly store?: string
}

const vendProgram = fileURLToPath(new URL('../src/cli/vend.mjs', import.meta.url))

function vend(place: Place, ...parameters: string[]): Command {
  return {
    argv: [process.execPath, vendProgram, ...parameters],
    env: { VEND_STORE: `file:${join(place.directory, 'store')}`, VEND_KEYS: join(place.directory, 'keys') },
  }
}

function publish(place: Place, release: string): Command {
  return vend(place, 'publish', place.tree, '--release', release, '--module', 'system')
}

export const vendContender: Contender = {
  name: 'vend publish',
  remark: 'SHA-256, zstd level 3, chunks of 64K:256K:1M, signed, durable',
  prepare: (place) => [vend(place, 'init')],
  first: (place) => publish(place, '10'),
  again: (place) => publish(place, '11'),
  store: 'store',
}

function casync(name: string, remark: string, options: (place: Place) => readonly string[]): Contender {
  const make = (place: Place): Command => ({
    argv: [
      'casync',
      'make',
      ...options(place),
      `--store=${join(place.directory, 'store.castr')}`,
      join(place.directory, 'tree.caidx'),
      place.tree,
    ],
  })
  return { name, remark, first: make, again: make, store: 'store.castr' }
}

const sameChunks = ['--digest=sha256', '--compression=zstd', '--chunk-size=64K:256K:1M']

function ostree(name: string, remark: string, zlibLevel: number): Contender {
  const repository = (place: Place): string => `--repo=${join(place.directory, 'repo')}`
  const commit = (place: Place): Command => ({
    argv: ['ostree', 'commit', repository(place), '--branch=system', `--tree=dir=${place.plainTree}`],
  })
  return {
    name,
    remark,
    prepare: (place) => [
      { argv: ['ostree', 'init', repository(place), '--mode=archive'] },
      { argv: ['ostree', 'config', repository(place), 'set', 'archive.zlib-level', String(zlibLevel)] },
    ],
    first: commit,
    again: commit,
    store: 'repo',
  }
}

function readAndHash(name: string, remark: string, program: string): Contender {
  return {
    name,
    remark,
    again: (place) => ({
      argv: ['sh', '-c', `find "$1" -type f -print0 | xargs -0 ${program} >/dev/null`, 'sh', place.tree],
    }),
  }
}

/**
 * casync compresses with zstd level 3, which no option changes. ostree compresses with zlib: level 1 costs least
 * CPU, level 6 is its default, and zstd level 3 lies between the two in size.
 */
export const peers: readonly Contender[] = [
  casync('casync make, 256 KiB', 'SHA-256, zstd level 3, chunks of 64K:256K:1M', () => sameChunks),
  casync('casync make, default', 'SHA-512/256, zstd level 3, chunks of 16K:64K:256K', () => []),
  casync(
    'casync make, 256 KiB, --cache',
    'as the first, and remembers chunks by the time and inode of files, so it need not read them again',
    (place) => [...sameChunks, `--cache=${join(place.directory, 'cache')}`],
  ),
  ostree('ostree commit, zlib 1', 'archive repository, an object a file, without device nodes, durable', 1),
  ostree('ostree commit, zlib 6', 'the same at its default level', 6),
  readAndHash('sha256sum', 'find -type f | xargs sha256sum, as Debian builds it', 'sha256sum'),
  readAndHash('openssl dgst', 'find -type f | xargs openssl dgst -sha256', 'openssl dgst -sha256'),
]
