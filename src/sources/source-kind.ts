import { closeSync, openSync, readdirSync, readSync, statSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../tree/errors.ts'
import { compressionOf } from './compression.ts'
import { SourceError } from './errors.ts'
import { isPackageName } from './package-name.ts'
import { blockBytes, headerProblem } from './tar-header.ts'

/** What a source may be said to be, by these words and a colon before its path. */
export const sourceKinds = ['dir', 'tar', 'oci', 'docker-archive', 'pacman', 'image'] as const

export type SourceKind = (typeof sourceKinds)[number]

export interface FoundSource {
  readonly kind: SourceKind
  readonly path: string
  /** Whether somebody said so; else an archive may turn out to be of an image. */
  readonly isSaid: boolean
  /** Of an image: what it is called in its layout. */
  readonly tag?: string | undefined
}

const kindPattern = new RegExp(`^(${sourceKinds.join('|')}):`)

/** Whether a text begins with a kind of source and a colon. */
export function saysKind(text: string): boolean {
  return kindPattern.test(text)
}

/**
 * What `text` names: `KIND:PATH`, or a path, of which the kind is found out; `tar:-` is the standard input. Of the kinds of images a tag may follow
 * the path, after a colon. Reads no more than the beginning. Throws SourceError.
 */
export function findSource(text: string): FoundSource {
  const [said, kind] = kindPattern.exec(text) ?? []
  if (said === undefined) return { kind: kindOf(text), path: text, isSaid: false }
  const path = text === 'tar:-' ? '/dev/stdin' : text.slice(said.length)
  if (path === '') throw new SourceError('SOURCE_UNREADABLE', { source: text }, 'names no path')
  const found = { kind: kind as SourceKind, path, isSaid: true }
  return isImageOfContainer(found.kind) ? withTag(found) : checked(found)
}

function isImageOfContainer(kind: SourceKind): boolean {
  return kind === 'oci' || kind === 'docker-archive'
}

/** `layout:tag`, where a tag may have colons too: the shortest path that is there, unless all of it is. */
function withTag(found: FoundSource): FoundSource {
  const isThere = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined
  if (isThere(found.path)) return checked(found)
  for (let colon = found.path.indexOf(':', 1); colon !== -1; colon = found.path.indexOf(':', colon + 1)) {
    const path = found.path.slice(0, colon)
    if (isThere(path)) return checked({ ...found, path, tag: found.path.slice(colon + 1) })
  }
  return checked(found)
}

function checked(found: FoundSource): FoundSource {
  const { kind, path } = found
  const stats = statOf(path)
  if (kind === 'dir' && !stats.isDirectory()) throw notA(path, 'a directory')
  if ((kind === 'tar' || kind === 'image') && stats.isDirectory()) throw notA(path, 'a file')
  return found
}

function kindOf(path: string): SourceKind {
  const stats = statOf(path)
  if (stats.isDirectory()) return kindOfDirectory(path)
  // What is read of a pipe to find out is gone.
  if (stats.isFIFO()) return 'tar'
  if (isPackageName(path)) return 'pacman'
  if (isArchive(path)) return 'tar'
  const problem =
    'is neither a directory nor an archive that is known; to publish a file as an image module write image: before it'
  throw new SourceError('SOURCE_UNSUPPORTED', { source: path }, problem)
}

function kindOfDirectory(path: string): SourceKind {
  if (statSync(join(path, 'oci-layout'), { throwIfNoEntry: false })?.isFile() === true) return 'oci'
  const items = namesIn(path)
  const isPackages = items.some(isPackageName) && items.every((name) => aboutPackages.test(name))
  return isPackages ? 'pacman' : 'dir'
}

/** Packages, their signatures and what repo-add makes of them. */
const aboutPackages = /\.(?:pkg|db|files)(?:\.tar.*)?(?:\.old)?(?:\.sig)?$/

function isArchive(path: string): boolean {
  const start = startOf(path)
  return (
    compressionOf(start) !== undefined || (start.length === blockBytes && headerProblem(start) === undefined)
  )
}

function startOf(path: string): Buffer {
  return reading(path, () => {
    const fd = openSync(path, 'r')
    try {
      const start = Buffer.alloc(blockBytes)
      return start.subarray(0, readSync(fd, start, 0, blockBytes, 0))
    } finally {
      closeSync(fd)
    }
  })
}

/** What cannot be listed is no more than a directory: its walk says why. */
function namesIn(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function statOf(path: string): Stats {
  return reading(path, () => statSync(path))
}

function reading<R>(path: string, action: () => R): R {
  try {
    return action()
  } catch (error) {
    const isMissing = errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR'
    const problem = isMissing ? 'is not there' : `could not be read: ${(error as Error).message}`
    throw new SourceError('SOURCE_UNREADABLE', { source: path }, problem, error)
  }
}

function notA(path: string, what: string): SourceError {
  return new SourceError('SOURCE_UNSUPPORTED', { source: path }, `is not ${what}`)
}
