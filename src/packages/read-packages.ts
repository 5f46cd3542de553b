import { PackageDatabaseError } from './errors.ts'
import type { DatabaseFiles, PackageDatabase } from './package-database.ts'
import { apkDatabasePaths, readApk } from './read-apk.ts'
import { readDpkg } from './read-dpkg.ts'
import { readPacman } from './read-pacman.ts'

const noPackages: PackageDatabase = {
  format: 'none',
  packages: [],
  satisfies: () => false,
  moved: [],
  made: new Map(),
}

/**
 * The packages of the tree that the files were picked from. Without a database there are none; of several, as in a
 * system that has another one's tools installed, that counts which knows any packages. Throws PackageDatabaseError.
 */
export function readPackages(files: DatabaseFiles): PackageDatabase {
  const paths = [...files.keys()]
  const found = [
    ...(paths.some((path) => path.startsWith('var/lib/dpkg/status')) ? [readDpkg(files)] : []),
    ...(paths.some((path) => path.startsWith('var/lib/pacman/local/')) ? [readPacman(files)] : []),
    ...(apkDatabasePaths.some((path) => files.has(path)) ? [readApk(files)] : []),
  ].filter(({ packages }) => packages.length > 0)
  if (found.length > 1) {
    const formats = found.map(({ format, packages }) => `${format} (${packages.length})`).join(' and ')
    throw new PackageDatabaseError(
      'var/lib',
      `the tree has packages of ${formats}; remove one of the databases`,
    )
  }
  return found[0] ?? noPackages
}
