import { apkDatabasePaths } from './read-apk.ts'

/** Whether a file of a tree, by its path from the root without `/`, is read to know the tree's packages. */
export function isDatabaseFile(path: string): boolean {
  return (
    /^var\/lib\/(?:dpkg\/(?:arch|status|diversions|status\.d\/[^/]+|info\/[^/]+\.list)|ucf\/registry)$/.test(
      path,
    ) ||
    /^var\/lib\/pacman\/local\/[^/]+\/(?:desc|files)$/.test(path) ||
    apkDatabasePaths.some((each) => each === path)
  )
}

/** What package managers keep for themselves: databases, caches and logs. */
export const databaseDirectories: readonly string[] = [
  'etc/pacman.d/gnupg',
  'lib/apk',
  'usr/lib/apk/db',
  'var/cache/apk',
  'var/cache/apt',
  'var/cache/debconf',
  'var/cache/pacman',
  'var/lib/apk',
  'var/lib/apt',
  'var/lib/dpkg',
  'var/lib/pacman',
  'var/lib/ucf',
  'var/log/apt',
  'var/log/dpkg.log',
  'var/log/pacman.log',
  'var/log/alternatives.log',
  'var/log/bootstrap.log',
]
