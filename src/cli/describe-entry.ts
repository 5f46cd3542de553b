import type { Entry, Mtime } from '../../manifests/entry.ts'
import { displayTreePath } from '../../manifests/tree-path.ts'

const typeLetters: Readonly<Record<Entry['type'], string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  hardlink: 'h',
  character: 'c',
  block: 'b',
  fifo: 'p',
}

/** One line as of `ls -l`, its time in UTC. A hard link has nothing of its own but its name. */
export function describeEntry(entry: Entry): string {
  const path = `/${displayTreePath(entry.path)}`
  if (entry.type === 'hardlink') {
    return `h---------${' '.repeat(45)}  ${path} is /${displayTreePath(entry.target)}`
  }
  const owner = `${entry.uid}:${entry.gid}`.padStart(11)
  const size = sizeOf(entry).padStart(12)
  const arrow = entry.type === 'symlink' ? ` -> ${displayTreePath(entry.target)}` : ''
  return `${describeMode(entry)}  ${owner}  ${size}  ${formatMtime(entry.mtime)}  ${path}${arrow}`
}

/** `-rwsr-xr-x` */
function describeMode(entry: Exclude<Entry, { type: 'hardlink' }>): string {
  const mode = entry.type === 'symlink' ? 0o777 : entry.mode
  const letters = [8, 7, 6, 5, 4, 3, 2, 1, 0].map((bit, i) => ((mode >> bit) & 1 ? 'rwx'[i % 3] : '-'))
  mark(letters, 2, mode & 0o4000, 's')
  mark(letters, 5, mode & 0o2000, 's')
  mark(letters, 8, mode & 0o1000, 't')
  return typeLetters[entry.type] + letters.join('')
}

function mark(letters: (string | undefined)[], place: number, bit: number, letter: string): void {
  if (bit !== 0) letters[place] = letters[place] === 'x' ? letter : letter.toUpperCase()
}

function sizeOf(entry: Entry): string {
  if (entry.type === 'file') return String(entry.sparse?.size ?? entry.size)
  if ('device' in entry) return `${entry.device.major}, ${entry.device.minor}`
  return '-'
}

function formatMtime({ seconds }: Mtime): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime())
    ? String(seconds).padStart(16)
    : date.toISOString().replace('T', ' ').slice(0, 16)
}
