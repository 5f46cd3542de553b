import { closeSync, constants, openSync, readFileSync, readlinkSync } from 'node:fs'
import { openPathFlag } from './directory-handles.ts'
import { errnoOf, TreeWriteError } from './errors.ts'
import { mountOf } from './mount-of.ts'

/**
 * Throws a TreeWriteError (TREE_BUSY) that names what is mounted inside a directory, bind mounts and mounts on files
 * included; the directory itself may be a mount point, and need not exist.
 */
export function refuseMounts(directory: string): void {
  const place = placeOf(directory)
  if (place === undefined) return
  const prefix = place.path.endsWith('/') ? place.path : `${place.path}/`
  // A mount on another one inside has that as its parent, and that is found.
  const inside = mounts().find(({ parent, point }) => parent === place.mount && point.startsWith(prefix))
  if (inside === undefined) return
  const problem = 'something is mounted there, and would be changed or removed; unmount it and try again'
  throw new TreeWriteError('TREE_BUSY', { tree: directory, path: inside.point.slice(prefix.length) }, problem)
}

/** Where a directory lies, however it is reached; one character a byte. */
function placeOf(directory: string): { readonly path: string; readonly mount: string } | undefined {
  const fd = openIfThere(directory)
  if (fd === undefined) return undefined
  try {
    return { path: readlinkSync(`/proc/self/fd/${fd}`, 'latin1'), mount: mountOf(fd) }
  } finally {
    closeSync(fd)
  }
}

function openIfThere(directory: string): number | undefined {
  try {
    return openSync(directory, openPathFlag | constants.O_DIRECTORY)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** See proc_pid_mountinfo(5). */
function mounts(): { readonly parent: string; readonly point: string }[] {
  const lines = readFileSync('/proc/self/mountinfo', 'latin1').split('\n')
  return lines.map((line) => {
    const [, parent = '', , , point = ''] = line.split(' ')
    return { parent, point: point.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => unescaped(octal)) }
  })
}

function unescaped(octal: string): string {
  return String.fromCharCode(Number.parseInt(octal, 8))
}
