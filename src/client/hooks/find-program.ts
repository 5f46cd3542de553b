import { lstatSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

const maxLinks = 40

/**
 * What a program's path in a root leads to: the path outside of it, with every symbolic link on the way followed as
 * one who has the root for `/` would. Undefined when nothing is there.
 */
export function findProgram(root: string, program: string): string | undefined {
  let waiting = componentsOf(program)
  let at: string[] = []
  for (let links = 0; waiting.length > 0;) {
    const [name = '', ...rest] = waiting
    waiting = rest
    if (name === '..') {
      at.pop()
      continue
    }
    const here = join(root, ...at, name)
    const stats = lstatSync(here, { throwIfNoEntry: false })
    if (stats === undefined) return undefined
    if (!stats.isSymbolicLink()) {
      if (waiting.length > 0 && !stats.isDirectory()) return undefined
      at.push(name)
      continue
    }
    if (++links > maxLinks) return undefined
    const target = readlinkSync(here)
    if (target.startsWith('/')) at = []
    waiting = [...componentsOf(target), ...waiting]
  }
  return join(root, ...at)
}

function componentsOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}
