import { parseProvision, type Provision } from './dependency.ts'
import { BuildError } from './errors.ts'
import type { BuiltPackage, Recipe, RecipeSource } from './recipe.ts'

type Section = ReadonlyMap<string, readonly string[]>

const algorithms = ['ck', 'md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'b2']

/**
 * Reads what `makepkg --printsrcinfo` writes, for one architecture: `depends_x86_64` and the like are added to
 * `depends`, and those of other architectures are left out. Throws PKGBUILD_INVALID; `place` is for its message.
 */
export function parseSrcinfo(text: string, architecture: string, place: string): Recipe {
  const [common, ...own] = sectionsOf(text)
  const base = common?.get('pkgbase')?.[0]
  const version = common === undefined ? undefined : versionOf(common)
  if (common === undefined || base === undefined || version === undefined || own.length === 0) {
    throw invalid(place, 'it has no name, version or package')
  }
  return {
    base,
    version,
    packages: own.map((section) => packageOf(section, common, { version, architecture, place })),
    makeDepends: listOf(common, 'makedepends', architecture),
    checkDepends: listOf(common, 'checkdepends', architecture),
    files: [...new Set([common, ...own].flatMap(filesOf))].sort(),
    sources: ['source', `source_${architecture}`].flatMap((key) => sourcesOf(common, key, place)),
  }
}

/** Of the whole, then of each package. */
function sectionsOf(text: string): Section[] {
  const sections: Map<string, string[]>[] = []
  for (const line of text.split('\n')) {
    const [, key, value = ''] = /^\s*([^#\s=][^\s=]*) = ?(.*)$/.exec(line) ?? []
    if (key === undefined) continue
    if (key === 'pkgbase' || key === 'pkgname') sections.push(new Map())
    const section = sections.at(-1)
    const values = section?.get(key) ?? []
    section?.set(key, value === '' ? values : [...values, value])
  }
  return sections
}

function versionOf(common: Section): string | undefined {
  const [epoch, version, release] = ['epoch', 'pkgver', 'pkgrel'].map((key) => common.get(key)?.[0])
  if (version === undefined || release === undefined) return undefined
  return `${epoch === undefined ? '' : `${epoch}:`}${version}-${release}`
}

function packageOf(
  own: Section,
  common: Section,
  {
    version,
    architecture,
    place,
  }: { readonly version: string; readonly architecture: string; readonly place: string },
): BuiltPackage {
  const name = own.get('pkgname')?.[0]
  if (name === undefined) throw invalid(place, 'a package has no name')
  // What a package says of itself stands in the place of what is said of all, also when it says nothing.
  const section = new Map([...common, ...own])
  const architectures = section.get('arch') ?? []
  if (!architectures.includes('any') && !architectures.includes(architecture)) {
    throw invalid(place, `${name} is for ${architectures.join(', ')}, and this machine is ${architecture}`)
  }
  const itself: Provision = { name, version }
  return {
    name,
    architecture: architectures.includes('any') ? 'any' : architecture,
    depends: listOf(section, 'depends', architecture),
    provides: [itself, ...listOf(section, 'provides', architecture).map(parseProvision)],
  }
}

function listOf(section: Section, key: string, architecture: string): string[] {
  return [...(section.get(key) ?? []), ...(section.get(`${key}_${architecture}`) ?? [])]
}

function filesOf(section: Section): string[] {
  return ['install', 'changelog'].flatMap((key) => section.get(key) ?? [])
}

function sourcesOf(common: Section, key: string, place: string): RecipeSource[] {
  return (common.get(key) ?? []).map((text, index) => {
    const sums = algorithms.flatMap((algorithm) => {
      const sum = common.get(key.replace('source', `${algorithm}sums`))?.[index] ?? 'SKIP'
      return sum === 'SKIP' ? [] : [`${algorithm}:${sum}`]
    })
    return sourceOf(text, sums, place)
  })
}

/** `file`, `URL` or `file::URL` (PKGBUILD(5), source). */
function sourceOf(text: string, checksums: readonly string[], place: string): RecipeSource {
  const colons = text.indexOf('::')
  const [alias, location] =
    colons === -1 ? [undefined, text] : [text.slice(0, colons), text.slice(colons + 2)]
  const isRemote = location.includes('://') || /^[a-z]+\+/.test(location)
  const name = alias ?? location.slice(location.lastIndexOf('/') + 1)
  if (name === '' || name === '.' || name === '..' || name.includes('/')) {
    throw invalid(place, `the source ${text} has no file name`)
  }
  return { name, url: isRemote ? location : undefined, checksums }
}

function invalid(place: string, problem: string): BuildError {
  return new BuildError('PKGBUILD_INVALID', `${place}: ${problem}`)
}
