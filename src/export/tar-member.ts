import type { FileEntry, InodeEntry } from '../../manifests/entry.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import type { TarMember, TarType } from './tar-header.ts'

/** Of a file its bytes are to follow, as many as `size`. */
export function memberOf(entry: InodeEntry): TarMember {
  const { uid, gid, mtime, xattrs } = entry
  return {
    type: types[entry.type],
    path: entry.type === 'directory' ? `${entry.path === '' ? '.' : entry.path}/` : entry.path,
    target: entry.type === 'symlink' ? entry.target : undefined,
    mode: 'mode' in entry ? entry.mode : 0o777,
    uid,
    gid,
    mtime,
    size: entry.type === 'file' ? lengthOf(entry) : 0,
    device: 'device' in entry ? entry.device : undefined,
    xattrs,
  }
}

/** With the metadata of what it leads to: some readers apply them once more, to the inode that both share. */
export function linkMember(path: TreePath, target: InodeEntry): TarMember {
  return { ...memberOf(target), type: '1', path, target: target.path, size: 0, device: undefined }
}

const types: Readonly<Record<InodeEntry['type'], TarType>> = {
  file: '0',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
}

/** Bytes, with its holes. */
export function lengthOf({ size, sparse }: FileEntry): number {
  return sparse?.size ?? size
}
