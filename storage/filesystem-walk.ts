import type { BigIntStats } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { isKey } from './blob-key.ts'
import { isAbsent } from './filesystem-errors.ts'

/** A regular file below the root, under its path from there. */
export interface FoundFile {
  readonly key: string
  readonly stats: BigIntStats
}

export interface Walk {
  readonly root: string
  readonly prefix: string
  /** Only keys after this one. */
  readonly after: string
  readonly signal: AbortSignal | undefined
}

const statsAtOnce = 64

/**
 * Every file whose path is a key, in byte order of the keys. Holds the names of one directory per level. Directories
 * without a key to yield are not read; what is removed meanwhile is left out; symbolic links are neither followed nor
 * yielded.
 */
export function walkFiles(walk: Walk): AsyncGenerator<FoundFile> {
  return walkDirectory(walk, walk.prefix.slice(0, walk.prefix.lastIndexOf('/') + 1))
}

/** `directory` is empty for the root, and else ends at a `/`. */
async function* walkDirectory(walk: Walk, directory: string): AsyncGenerator<FoundFile> {
  const paths = await wantedPaths(walk, directory)
  for (let first = 0; first < paths.length; first += statsAtOnce) {
    walk.signal?.throwIfAborted()
    const some = paths.slice(first, first + statsAtOnce)
    const files = await Promise.all(some.map((path) => fileAt(walk.root, path)))
    for (const [index, path] of some.entries()) {
      const file = files[index]
      if (path.endsWith('/')) yield* walkDirectory(walk, path)
      else if (file !== undefined) yield file
    }
  }
}

/**
 * With a `/` at the end of directories, sorting one directory's paths sorts all keys below it as well: `a-b` comes
 * before all of `a/`, because `-` comes before `/`.
 */
async function wantedPaths(walk: Walk, directory: string): Promise<string[]> {
  const entries = await readdir(`${walk.root}/${directory}`, { withFileTypes: true }).catch(
    (error: unknown) => {
      if (isAbsent(error)) return []
      throw error
    },
  )
  const paths: string[] = []
  for (const entry of entries) {
    const path = directory + entry.name
    if (!isKey(path)) continue
    if (entry.isFile() && path.startsWith(walk.prefix) && path > walk.after) paths.push(path)
    else if (entry.isDirectory() && mayHoldKeys(walk, `${path}/`)) paths.push(`${path}/`)
  }
  return paths.sort()
}

function mayHoldKeys({ prefix, after }: Walk, directory: string): boolean {
  const below = directory.startsWith(prefix) || prefix.startsWith(directory)
  return below && (directory > after || after.startsWith(directory))
}

async function fileAt(root: string, path: string): Promise<FoundFile | undefined> {
  if (path.endsWith('/')) return undefined
  try {
    const stats = await lstat(`${root}/${path}`, { bigint: true })
    return stats.isFile() ? { key: path, stats } : undefined
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}
