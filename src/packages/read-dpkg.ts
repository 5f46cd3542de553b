import { parseControl, type ControlParagraph } from './control-paragraphs.ts'
import { compareDebianVersions } from './compare-debian-versions.ts'
import { parseDebianProvides, parseDebianRelations } from './debian-relations.ts'
import { PackageDatabaseError } from './errors.ts'
import type { DatabaseFiles, MovedPath, Package, PackageDatabase, Relation } from './package-database.ts'
import { satisfiesConstraint } from './satisfies-constraint.ts'

const statusPath = 'var/lib/dpkg/status'
const statusDirectory = 'var/lib/dpkg/status.d/'
const diversionsPath = 'var/lib/dpkg/diversions'
const registryPath = 'var/lib/ucf/registry'

/** What of a package is on disk in these states; in the others nothing is, or settings of one that was removed. */
const presentStates: ReadonlySet<string> = new Set([
  'installed',
  'triggers-pending',
  'triggers-awaited',
  'half-configured',
  'unpacked',
])

/**
 * dpkg's database: `status`, or the files of `status.d` of images without dpkg, the lists of files, and diversions.
 * Throws PackageDatabaseError.
 */
export function readDpkg(files: DatabaseFiles): PackageDatabase {
  const native = nativeArchitecture(files)
  const sources = [...files.keys()].filter(isStatus).sort()
  const found = new Map<string, Omit<Package, 'id' | 'paths'>>()
  for (const each of sources.flatMap((path) => readStatus(files, path))) {
    const key = `${each.name}:${each.architecture}`
    if (!found.has(key)) found.set(key, each)
  }
  const byName = Map.groupBy(found.values(), ({ name }) => name)
  const packages = [...found.values()].map((each): Package => {
    const isOnly = byName.get(each.name)?.length === 1
    const id = isOnly || isNative(each.architecture, native) ? each.name : `${each.name}:${each.architecture}`
    return Object.assign(each, { id, paths: listOf(files, each) })
  })
  packages.sort((a, b) => (a.id < b.id ? -1 : 1))
  const ids = new Set(packages.map(({ id }) => id))
  return {
    format: 'dpkg',
    packages,
    satisfies: (candidate, relation, dependant) => satisfies(candidate, relation, dependant, native),
    moved: readDiversions(files.get(diversionsPath)),
    made: readRegistry(files.get(registryPath), ids),
  }
}

function isStatus(path: string): boolean {
  return path === statusPath || (path.startsWith(statusDirectory) && !path.endsWith('.md5sums'))
}

function readStatus(files: DatabaseFiles, path: string): Omit<Package, 'id' | 'paths'>[] {
  const found: Omit<Package, 'id' | 'paths'>[] = []
  for (const paragraph of parseControl(textOf(files.get(path)))) {
    const state = paragraph.get('status')?.split(/\s+/)[2]
    if (path === statusPath && !presentStates.has(state ?? '')) continue
    found.push(readParagraph(paragraph, path))
  }
  return found
}

function readParagraph(fields: ControlParagraph, path: string): Omit<Package, 'id' | 'paths'> {
  const name = fields.get('package')
  const version = fields.get('version')
  if (name === undefined || version === undefined) {
    throw new PackageDatabaseError(path, `the package "${name ?? '?'}" has no name or no version`)
  }
  const multiArch = fields.get('multi-arch')
  try {
    return {
      name,
      version,
      architecture: fields.get('architecture') ?? 'all',
      depends: [
        ...parseDebianRelations(fields.get('pre-depends')),
        ...parseDebianRelations(fields.get('depends')),
      ],
      provides: parseDebianProvides(fields.get('provides')),
      conflicts: [
        ...parseDebianRelations(fields.get('conflicts')),
        ...parseDebianRelations(fields.get('breaks')),
      ].flat(),
      isEssential: fields.get('essential') === 'yes',
      multiArch: multiArch === 'foreign' || multiArch === 'allowed' ? multiArch : undefined,
    }
  } catch (error) {
    throw new PackageDatabaseError(
      path,
      `the package "${name}": ${error instanceof Error ? error.message : ''}`,
    )
  }
}

/** Images without dpkg have sums instead of lists. */
function listOf(
  files: DatabaseFiles,
  { name, architecture }: Pick<Package, 'name' | 'architecture'>,
): string[] {
  const list =
    files.get(`var/lib/dpkg/info/${name}:${architecture}.list`) ?? files.get(`var/lib/dpkg/info/${name}.list`)
  if (list !== undefined) return linesOf(list).flatMap((line) => fromRoot(line) ?? [])
  const sums = files.get(`${statusDirectory}${name}.md5sums`)
  return sums === undefined
    ? []
    : linesOf(sums).flatMap((line) => fromRoot(line.replace(/^\S+ [ *]/, '')) ?? [])
}

/** Three lines each: where it is listed, where it lies, and whose stays (dpkg-divert(1)); `:` is nobody's. */
function readDiversions(bytes: Buffer | undefined): MovedPath[] {
  const lines = bytes === undefined ? [] : linesOf(bytes)
  if (lines.length % 3 !== 0) throw new PackageDatabaseError(diversionsPath, 'ends within a diversion')
  return Array.from({ length: lines.length / 3 }, (_, i) => {
    const [from = '', to = '', by] = lines.slice(i * 3, i * 3 + 3)
    return { from: fromRoot(from) ?? '', to: fromRoot(to) ?? '', by: by === ':' ? undefined : by }
  })
}

/** Settings that install scripts made of templates, and for which package (ucf(1)). */
function readRegistry(bytes: Buffer | undefined, ids: ReadonlySet<string>): Map<string, string> {
  const made = new Map<string, string>()
  for (const line of bytes === undefined ? [] : linesOf(bytes)) {
    const [, name, path] = /^(\S+)\s+(\/.*)$/.exec(line) ?? []
    const inTree = path === undefined ? undefined : fromRoot(path)
    if (name !== undefined && inTree !== undefined && ids.has(name)) made.set(inTree, name)
  }
  return made
}

/** Of dpkg itself when the tree has it, as dpkg is of the tree's own architecture. */
function nativeArchitecture(files: DatabaseFiles): string | undefined {
  const stated = files.get('var/lib/dpkg/arch')
  if (stated !== undefined) return linesOf(stated)[0]
  for (const paragraph of parseControl(textOf(files.get(statusPath)))) {
    if (paragraph.get('package') === 'dpkg') return paragraph.get('architecture')
  }
  return undefined
}

function isNative(architecture: string, native: string | undefined): boolean {
  return architecture === 'all' || native === undefined || architecture === native
}

function satisfies(
  candidate: Package,
  relation: Relation,
  dependant: Package,
  native: string | undefined,
): boolean {
  return (
    suitsArchitecture(candidate, relation, dependant, native) &&
    (isNamed(candidate, relation) || isProvided(candidate, relation))
  )
}

function isNamed({ name, version }: Package, relation: Relation): boolean {
  if (name !== relation.name) return false
  return (
    relation.constraint === undefined ||
    satisfiesConstraint(version, relation.constraint, compareDebianVersions)
  )
}

function isProvided({ provides }: Package, { name, constraint }: Relation): boolean {
  return provides.some((provision) => {
    if (provision.name !== name) return false
    if (constraint === undefined) return true
    return (
      provision.version !== undefined &&
      satisfiesConstraint(provision.version, constraint, compareDebianVersions)
    )
  })
}

function suitsArchitecture(
  candidate: Package,
  relation: Relation,
  dependant: Package,
  native: string | undefined,
): boolean {
  const actual = (architecture: string): string => (architecture === 'all' ? (native ?? 'all') : architecture)
  const own = actual(candidate.architecture)
  if (relation.architecture === 'any') {
    return candidate.multiArch !== undefined || own === actual(dependant.architecture)
  }
  if (relation.architecture !== undefined) return own === actual(relation.architecture)
  return candidate.multiArch === 'foreign' || own === actual(dependant.architecture)
}

/** `/usr/bin/x` as `usr/bin/x`; the root itself, and what could not lie in a tree, is nothing. */
function fromRoot(path: string): string | undefined {
  const inTree = path.replace(/^(?:\.?\/)+/, '').replace(/\/$/, '')
  return inTree === '' || inTree === '.' ? undefined : inTree
}

function linesOf(bytes: Buffer): string[] {
  return bytes
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '')
}

function textOf(bytes: Buffer | undefined): string {
  return bytes?.toString('utf8') ?? ''
}
