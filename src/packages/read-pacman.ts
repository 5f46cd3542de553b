import { comparePacmanVersions } from './compare-pacman-versions.ts'
import { PackageDatabaseError } from './errors.ts'
import type { DatabaseFiles, Package, PackageDatabase, Provision, Relation } from './package-database.ts'
import { satisfiesConstraint } from './satisfies-constraint.ts'

const descPattern = /^var\/lib\/pacman\/local\/([^/]+)\/desc$/

/** pacman's local database: `desc` and `files` of each package. Throws PackageDatabaseError. */
export function readPacman(files: DatabaseFiles): PackageDatabase {
  const packages = [...files.keys()].flatMap((path) => {
    const directory = descPattern.exec(path)?.[1]
    return directory === undefined ? [] : [readPackage(files, directory)]
  })
  packages.sort((a, b) => (a.id < b.id ? -1 : 1))
  return { format: 'pacman', packages, satisfies, moved: [], made: new Map() }
}

function readPackage(files: DatabaseFiles, directory: string): Package {
  const path = `var/lib/pacman/local/${directory}/desc`
  const desc = readSections(files.get(path), 'utf8')
  const name = desc.get('NAME')?.[0]
  const version = desc.get('VERSION')?.[0]
  if (name === undefined || version === undefined) {
    throw new PackageDatabaseError(path, 'has no name or no version')
  }
  const listed = readSections(files.get(`var/lib/pacman/local/${directory}/files`), 'latin1')
  return {
    id: name,
    name,
    version,
    architecture: desc.get('ARCH')?.[0] ?? 'any',
    depends: (desc.get('DEPENDS') ?? []).map((text) => [parsePacmanRelation(text)]),
    provides: (desc.get('PROVIDES') ?? []).map(parseProvision),
    conflicts: (desc.get('CONFLICTS') ?? []).map(parsePacmanRelation),
    isEssential: false,
    paths: (listed.get('FILES') ?? []).map((each) => each.replace(/^\/+|\/+$/g, '')),
  }
}

/** `%NAME%`, the values below it a line each, then an empty line. */
function readSections(bytes: Buffer | undefined, encoding: 'utf8' | 'latin1'): Map<string, string[]> {
  const sections = new Map<string, string[]>()
  let current: string[] | undefined
  for (const line of bytes?.toString(encoding).split('\n') ?? []) {
    const heading = current === undefined ? /^%([A-Z0-9]+)%$/.exec(line)?.[1] : undefined
    if (heading !== undefined) sections.set(heading, (current = []))
    else if (line === '') current = undefined
    else current?.push(line)
  }
  return sections
}

/** `name`, or `name>=1.2`; also the names of shared libraries, as in `libz.so=1-64`. */
export function parsePacmanRelation(text: string): Relation {
  const [, name = text, operator, version] = /^([^<>=]+)(<=|>=|<|>|=)([^:].*)$/.exec(text) ?? []
  if (operator === undefined || version === undefined) return { name: text, text }
  return { name, constraint: { operator: operator as '<' | '<=' | '=' | '>=' | '>', version }, text }
}

function parseProvision(text: string): Provision {
  const { name, constraint } = parsePacmanRelation(text)
  return { name, version: constraint?.version }
}

function satisfies({ name, version, provides }: Package, { name: wanted, constraint }: Relation): boolean {
  const suits = (offered: string | undefined): boolean =>
    constraint === undefined ||
    (offered !== undefined && satisfiesConstraint(offered, constraint, comparePacmanVersions))
  if (name === wanted && suits(version)) return true
  return provides.some((provision) => provision.name === wanted && suits(provision.version))
}
