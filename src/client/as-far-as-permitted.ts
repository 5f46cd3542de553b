import type { Entry, SourceEntry } from '../../manifests/entry.ts'

/** Whether this process may give files everything that an entry says. */
export function isPrivileged(): boolean {
  return process.geteuid?.() === 0
}

/**
 * An entry to compare, without what only root can give a file, unless we are root: the tree of an ordinary user
 * differs in it from its manifest everywhere, and nobody has changed it.
 */
export function asFarAsPermitted<E extends Entry | SourceEntry>(entry: E): E {
  if (isPrivileged() || entry.type === 'hardlink') return entry
  const xattrs = new Map([...entry.xattrs].filter(([name]) => !/^(?:security|trusted)\./.test(name)))
  return { ...entry, uid: 0, gid: 0, xattrs, ...('mode' in entry && { mode: entry.mode & 0o1777 }) }
}
