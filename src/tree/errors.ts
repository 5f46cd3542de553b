import { displayTreePath } from '../../manifests/tree-path.ts'

export type TreeErrorCode =
  | 'TREE_CHANGED' // a file vanished or changed while it was read
  | 'TREE_PATH_BLOCKED' // a component of the path is a symlink or not a directory
  | 'TREE_NOT_PERMITTED' // the kernel refuses it to this user
  | 'TREE_UNSUPPORTED' // something that no manifest can say
  | 'TREE_READ_FAILED'
  | 'TREE_FULL' // no space, no inodes or no quota left
  | 'TREE_READ_ONLY'
  | 'TREE_BUSY' // something is mounted where the tree would be changed
  | 'TREE_WRITE_FAILED'

/** Where something failed: `tree` is the directory the tree lies in, if it is known there. */
export interface TreePlace {
  readonly tree?: string | undefined
  /** One character a byte; empty for the root. */
  readonly path: string
}

/** Anything that goes wrong with a tree on disk. `code` is stable; `path` is one character a byte. */
export class TreeError extends Error {
  override readonly name: string = 'TreeError'
  readonly code: TreeErrorCode
  readonly tree: string | undefined
  readonly path: string

  constructor(code: TreeErrorCode, place: TreePlace, problem: string, cause?: unknown) {
    super(`${showPlace(place)}: ${problem}`, { cause })
    this.code = code
    this.tree = place.tree
    this.path = place.path
  }
}

/** The tree was modified while it was being read; reading a tree that stands still again succeeds. */
export class TreeChangedError extends TreeError {
  override readonly name = 'TreeChangedError'

  constructor(place: TreePlace, what: string, cause?: unknown) {
    super('TREE_CHANGED', place, `${what}; stop what modifies the tree and try again`, cause)
  }
}

/** A path cannot be reached without following a symlink or passing through something that is not a directory. */
export class TreePathBlockedError extends TreeError {
  override readonly name = 'TreePathBlockedError'
  /** The component that is in the way, as a path from the root. */
  readonly obstacle: string

  constructor(place: TreePlace, obstacle: string, cause?: unknown) {
    const what = `${displayTreePath(obstacle)} is a symbolic link or not a directory`
    super('TREE_PATH_BLOCKED', place, `${what}, and is not followed; remove it and try again`, cause)
    this.obstacle = obstacle
  }
}

export class TreeReadError extends TreeError {
  override readonly name = 'TreeReadError'
}

export class TreeWriteError extends TreeError {
  override readonly name = 'TreeWriteError'
}

/** The `code` (`ENOENT`, …) of a system call's error, or undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * For a failure to read something that was there a moment ago. `doing` reads on from "could not", such as
 * `list this directory`.
 */
export function treeReadError(error: unknown, place: TreePlace, doing: string): TreeError {
  if (error instanceof TreeError) return error
  const errno = errnoOf(error) ?? ''
  if (vanished.has(errno)) return new TreeChangedError(place, 'vanished while the tree was being read', error)
  if (errno === 'EACCES' || errno === 'EPERM') {
    const problem = `could not ${doing}: permission denied; run as root`
    return new TreeReadError('TREE_NOT_PERMITTED', place, problem, error)
  }
  return new TreeReadError('TREE_READ_FAILED', place, `could not ${doing}: ${messageOf(error)}`, error)
}

/** `doing` reads on from "could not", such as `create this file`. */
export function treeWriteError(error: unknown, place: TreePlace, doing: string): TreeError {
  if (error instanceof TreePathBlockedError && error.path !== place.path) {
    return new TreePathBlockedError(place, error.obstacle, error.cause)
  }
  if (error instanceof TreeError) return error
  const [code, wayOut] = writeFailures.get(errnoOf(error) ?? '') ?? ['TREE_WRITE_FAILED', undefined]
  const problem = `could not ${doing}: ${messageOf(error)}${wayOut === undefined ? '' : `; ${wayOut}`}`
  return new TreeWriteError(code, place, problem, error)
}

const vanished: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ESTALE', 'ENODATA'])

const full = 'free space on its file system (blocks, inodes or quota) and try again'
const notPermitted = 'run as root, or give this user the tree'

const writeFailures: ReadonlyMap<string, readonly [TreeErrorCode, string]> = new Map([
  ['ENOSPC', ['TREE_FULL', full]],
  ['EDQUOT', ['TREE_FULL', full]],
  ['EROFS', ['TREE_READ_ONLY', 'mount its file system writable and try again']],
  ['EACCES', ['TREE_NOT_PERMITTED', notPermitted]],
  ['EPERM', ['TREE_NOT_PERMITTED', notPermitted]],
  ['EBUSY', ['TREE_BUSY', 'something is mounted there; unmount it and try again']],
])

function showPlace({ tree, path }: TreePlace): string {
  const shown = path === '' ? '/' : displayTreePath(path)
  return tree === undefined ? shown : `${shown} in ${tree}`
}

/** Without the part of node:fs's messages that names a path below /proc. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const end = errnoOf(error) === undefined ? -1 : error.message.indexOf(', ')
  return end < 0 ? error.message : error.message.slice(0, end)
}
