import { PackageDatabaseError } from './errors.ts'
import type { DatabaseFiles, Package, PackageDatabase, Relation } from './package-database.ts'

export const apkDatabasePaths = ['lib/apk/db/installed', 'usr/lib/apk/db/installed'] as const

/**
 * apk's database of installed packages (apk-package(5)). Versions in relations decide nothing here: apk installs one
 * version of a name, and had checked them. Throws PackageDatabaseError.
 */
export function readApk(files: DatabaseFiles): PackageDatabase {
  const path = apkDatabasePaths.find((each) => files.has(each)) ?? apkDatabasePaths[0]
  const text = files.get(path)?.toString('latin1') ?? ''
  const packages = text
    .split('\n\n')
    .map((block) => block.trim())
    .filter((block) => block !== '')
    .map((block) => readBlock(block, path))
  packages.sort((a, b) => (a.id < b.id ? -1 : 1))
  return { format: 'apk', packages, satisfies, moved: [], made: new Map() }
}

function readBlock(block: string, path: string): Package {
  const fields = new Map<string, string>()
  const paths: string[] = []
  let directory = ''
  for (const line of block.split('\n')) {
    const [key, value] = [line.slice(0, 1), line.slice(2)]
    if (key === 'F') {
      directory = value
      if (directory !== '') paths.push(directory)
    } else if (key === 'R') paths.push(directory === '' ? value : `${directory}/${value}`)
    else if (!fields.has(key)) fields.set(key, value)
  }
  const [name, version] = [fields.get('P'), fields.get('V')]
  if (name === undefined || version === undefined) {
    throw new PackageDatabaseError(path, `the package "${name ?? '?'}" has no name or no version`)
  }
  const relations = wordsOf(fields.get('D'))
  return {
    id: name,
    name,
    version,
    architecture: fields.get('A') ?? 'noarch',
    depends: relations.filter((word) => !word.startsWith('!')).map((word) => [relationOf(word)]),
    provides: wordsOf(fields.get('p')).map((word) => ({ name: nameOf(word) })),
    // A version decides nothing here, so a conflict with some versions cannot be told from one with all.
    conflicts: relations.filter((word) => /^![^<>=~]+$/.test(word)).map((word) => relationOf(word.slice(1))),
    isEssential: false,
    paths,
  }
}

function wordsOf(field: string | undefined): string[] {
  return (field ?? '').split(/\s+/).filter((word) => word !== '')
}

function relationOf(text: string): Relation {
  return { name: nameOf(text), text }
}

function nameOf(word: string): string {
  return word.replace(/[<>=~].*$/s, '')
}

function satisfies({ name, provides }: Package, relation: Relation): boolean {
  return name === relation.name || provides.some((provision) => provision.name === relation.name)
}
