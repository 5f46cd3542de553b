import { noXattrs, type Mtime } from '../../manifests/entry.ts'
import { joinTreePath, treePathFromText, type TreePath } from '../../manifests/tree-path.ts'
import type { PacmanPackage } from './read-pacman-package.ts'
import { impliedDirectory, type TreeSpool } from './tree-spool.ts'

/** Where pacman keeps what is installed. */
const localDatabase = treePathFromText('var/lib/pacman/local')

/** The version of the form in which pacman 4.2 and later have it. */
const databaseVersion = '9\n'

/** The parts of `desc` in pacman's order, and the key of .PKGINFO that each comes from. */
const parts: readonly (readonly [heading: string, key: string])[] = [
  ['NAME', 'pkgname'],
  ['VERSION', 'pkgver'],
  ['BASE', 'pkgbase'],
  ['DESC', 'pkgdesc'],
  ['URL', 'url'],
  ['ARCH', 'arch'],
  ['BUILDDATE', 'builddate'],
  // Of the machine's own installation nothing is known here; two builds must give the same bytes.
  ['INSTALLDATE', 'builddate'],
  ['PACKAGER', 'packager'],
  ['SIZE', 'size'],
  ['GROUPS', 'group'],
  ['LICENSE', 'license'],
  ['REPLACES', 'replaces'],
  ['DEPENDS', 'depend'],
  ['OPTDEPENDS', 'optdepend'],
  ['CONFLICTS', 'conflict'],
  ['PROVIDES', 'provides'],
]

/** Puts the local database that pacman would have, had it installed the packages, into their tree. */
export async function addPacmanDatabase(spool: TreeSpool, packages: readonly PacmanPackage[]): Promise<void> {
  await addFile(spool, joinTreePath(localDatabase, 'ALPM_DB_VERSION'), Buffer.from(databaseVersion), {
    seconds: 0,
    nanos: 0,
  })
  for (const each of packages) {
    const directory = joinTreePath(localDatabase, `${each.name}-${each.version}`)
    const built = { seconds: Number(each.info.get('builddate')?.[0] ?? 0) || 0, nanos: 0 }
    const add = (name: string, content: Buffer, member = ''): Promise<void> =>
      addFile(spool, joinTreePath(directory, name), content, each.mtimes.get(member) ?? built)
    await add('desc', Buffer.from(descOf(each)))
    await add('files', Buffer.from(filesOf(each), 'latin1'))
    if (each.mtree !== undefined) await add('mtree', each.mtree, '.MTREE')
    // pacman compares its time with the package's.
    if (each.install !== undefined) await add('install', each.install, '.INSTALL')
    if (each.changelog !== undefined) await add('changelog', each.changelog, '.CHANGELOG')
  }
}

/** `local/NAME-VERSION/desc` */
export function descOf({ info }: PacmanPackage): string {
  return parts
    .filter(([, key]) => (info.get(key)?.length ?? 0) > 0)
    .map(([heading, key]) => `%${heading}%\n${(info.get(key) ?? []).join('\n')}\n\n`)
    .join('')
}

/** `local/NAME-VERSION/files`, one character a byte. */
export function filesOf({ paths, info, md5 }: PacmanPackage): string {
  const backup = (info.get('backup') ?? []).map((text) => Buffer.from(text).toString('latin1'))
  const backupLines = backup.filter((path) => md5.has(path)).map((path) => `${path}\t${md5.get(path)}`)
  return (
    (paths.length === 0 ? '' : `%FILES%\n${paths.toSorted().join('\n')}\n\n`) +
    (backupLines.length === 0 ? '' : `%BACKUP%\n${backupLines.join('\n')}\n\n`)
  )
}

async function addFile(spool: TreeSpool, path: TreePath, content: Buffer, mtime: Mtime): Promise<void> {
  const entry = {
    type: 'file',
    path,
    ...impliedDirectory,
    mode: 0o644,
    mtime,
    xattrs: noXattrs,
    size: content.length,
  } as const
  await spool.put(entry, content, { ifThere: 'refuse' })
}
