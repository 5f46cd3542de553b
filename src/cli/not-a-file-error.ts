import type { Entry } from '../../manifests/entry.ts'
import { displayTreePath } from '../../manifests/tree-path.ts'

/** What was asked for has no content. */
export class NotAFileError extends Error {
  override readonly name = 'NotAFileError'
  readonly code = 'NOT_A_FILE'
  readonly hint: string | undefined

  constructor(shownPath: string, entry: Entry) {
    super(`${shownPath} is not a file but a ${names[entry.type]}`)
    this.hint = entry.type === 'symlink' ? `it points to ${displayTreePath(entry.target)}` : undefined
  }
}

const names: Readonly<Record<Entry['type'], string>> = {
  file: 'file',
  directory: 'directory',
  symlink: 'symbolic link',
  hardlink: 'hard link',
  character: 'character device',
  block: 'block device',
  fifo: 'named pipe',
}
