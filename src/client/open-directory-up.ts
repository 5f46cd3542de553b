import { chmodSync, statSync } from 'node:fs'
import { rootPath, type TreePath } from '../../manifests/tree-path.ts'
import type { TreeWriter } from '../tree/tree-writer.ts'
import { isPrivileged } from './as-far-as-permitted.ts'

/** Lets an ordinary user change a directory of its own that is read-only; its metadata have to be applied again. */
export function openDirectoryUp(writer: TreeWriter, path: TreePath): void {
  if (isPrivileged()) return
  if (path === rootPath) chmodSync(writer.tree, (statSync(writer.tree).mode & 0o7777) | 0o700)
  else writer.makeDirectory(path)
}
