import { chmodSync, fstatSync, rmdirSync, unlinkSync } from 'node:fs'
import type { TreePath } from '../../manifests/tree-path.ts'
import { joinTreePath, parentOf, rootPath } from '../../manifests/tree-path.ts'
import type { DirectoryHandles } from './directory-handles.ts'
import { errnoOf, TreeWriteError } from './errors.ts'
import { listDirectory } from './list-directory.ts'
import { mountOf } from './mount-of.ts'

/**
 * Removes a path and, when it is a directory, all that is in it; a path that is not there is fine. Never follows a
 * symlink and never removes what lies on another mount than the tree's root (TREE_BUSY). With `openUp`, directories
 * that their owner may not list or change are made so first. Throws what node:fs throws for the rest.
 */
export function removePath(handles: DirectoryHandles, path: TreePath, openUp: boolean): void {
  const mount = mountOf(handles.fdOf(rootPath))
  if (!isReachable(handles, path, mount) || removeUnlessDirectory(handles, path)) return
  const stack = [enter(handles, path, mount, openUp)]
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    const name = level.names.pop()
    if (name === undefined) {
      stack.pop()
      handles.forget(level.path)
      rmdirSync(handles.locate(level.path))
      continue
    }
    const child = joinTreePath(level.path, name)
    if (!removeUnlessDirectory(handles, child)) stack.push(enter(handles, child, mount, openUp))
  }
}

interface Level {
  readonly path: TreePath
  readonly names: string[]
}

/** False when there is no directory that the path could lie in. */
function isReachable(handles: DirectoryHandles, path: TreePath, mount: string): boolean {
  try {
    refuseOtherMount(handles, parentOf(path), mount)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/** False when a directory lies there. */
function removeUnlessDirectory(handles: DirectoryHandles, path: TreePath): boolean {
  try {
    unlinkSync(handles.locate(path))
    return true
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') return true
    if (errno === 'EISDIR') return false
    throw error
  }
}

function enter(handles: DirectoryHandles, path: TreePath, mount: string, openUp: boolean): Level {
  const fd = refuseOtherMount(handles, path, mount)
  if (openUp) makeWritable(fd)
  return { path, names: [...listDirectory(fd).names] }
}

/** Returns the directory's descriptor. */
function refuseOtherMount(handles: DirectoryHandles, path: TreePath, mount: string): number {
  const fd = handles.fdOf(path)
  if (mountOf(fd) === mount) return fd
  const problem = 'could not be removed: something is mounted there; unmount it and try again'
  throw new TreeWriteError('TREE_BUSY', { tree: handles.tree, path }, problem)
}

/** Lets the owner of the directory open at `fd` list and change it. */
export function makeWritable(fd: number): void {
  // Without the trailing `/.`, which takes the permission to search the directory.
  const directory = `/proc/self/fd/${fd}`
  const mode = fstatSync(fd).mode & 0o7777
  if ((mode & 0o700) !== 0o700) chmodSync(directory, mode | 0o700)
}
