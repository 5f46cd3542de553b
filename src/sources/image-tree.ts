import { realpathSync, statSync } from 'node:fs'
import { imageOf, imageRoot } from '../../manifests/image.ts'
import type { ModuleTraits } from '../../manifests/release.ts'
import { rootPath } from '../../manifests/tree-path.ts'
import { errnoOf } from '../tree/errors.ts'
import { openForReading, assertSameFile } from '../tree/open-for-reading.ts'
import { statEntry } from '../tree/read-entry.ts'
import type { TreeSource } from '../tree/tree-source.ts'
import type { WalkedEntry } from '../tree/walk-directory.ts'
import { SourceError } from './errors.ts'
import type { OpenedSource } from './opened-source.ts'

/** What a release says of a module that `openImage` gives the tree of. */
export const imageTraits: ModuleTraits = { kind: 'image' }

/**
 * One file as a tree (format §8.8): its bytes and nothing else of it, so that the same bytes give the same manifest
 * whatever the file is called, whoever owns it and wherever it has holes.
 */
export class ImageTree implements TreeSource {
  readonly name: string
  readonly #place: { readonly tree: string; readonly path: typeof rootPath }

  /** Throws a SourceError (SOURCE_UNREADABLE, SOURCE_UNSUPPORTED) unless there is a regular file with bytes in it. */
  constructor(file: string) {
    this.name = file
    this.#place = { tree: file, path: rootPath }
    refuseOthers(file)
  }

  *walk(): Generator<WalkedEntry, void, void> {
    yield { entry: imageRoot }
    const place = this.#place
    // What a name such as /boot/vmlinuz leads to.
    const location = Buffer.from(realpathSync(this.name, 'buffer'))
    const stats = statEntry(location, place)
    if (stats === undefined)
      throw new SourceError('SOURCE_UNREADABLE', { source: this.name }, 'is not there any more')
    yield {
      entry: imageOf(Number(stats.size)),
      open: () => openForReading(location, stats, place),
      assertUnchanged: (fd) => assertSameFile(fd, stats, place),
    }
  }
}

/** The tree of an image module, out of a regular file. */
export async function openImage(file: string): Promise<OpenedSource> {
  return Promise.resolve({ tree: new ImageTree(file), [Symbol.asyncDispose]: () => Promise.resolve() })
}

function refuseOthers(file: string): void {
  const place = { source: file }
  try {
    const stats = statSync(file)
    if (!stats.isFile()) {
      const problem = 'is not a regular file; an image is made of one file, and other trees of directories'
      throw new SourceError('SOURCE_UNSUPPORTED', place, problem)
    }
    if (stats.size === 0) throw new SourceError('SOURCE_UNSUPPORTED', place, 'is empty; an image has bytes')
  } catch (error) {
    if (error instanceof SourceError) throw error
    const problem = errnoOf(error) === 'ENOENT' ? 'is not there' : `could not be read: ${String(error)}`
    throw new SourceError('SOURCE_UNREADABLE', place, problem, error)
  }
}
