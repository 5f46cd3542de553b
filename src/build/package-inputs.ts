import { join } from 'node:path'
import { BuildError } from './errors.ts'
import type { BuildInputs } from './input-hash.ts'
import type { Recipe, RecipeSource } from './recipe.ts'
import { findSourceFile, type SourceFile } from './source-file.ts'

/** A recipe, and the PKGBUILD that it was read from. */
export interface FoundRecipe extends Recipe {
  readonly directory: string
  readonly pkgbuild: SourceFile
}

export interface SourcePlaces {
  /** What all packages lie below. */
  readonly packages: string
  /** Where sources from elsewhere lie, by file name, in one directory or in one a package. */
  readonly mirror?: string | undefined
  /** Whether makepkg may fetch what is in neither. */
  readonly hasNetwork?: boolean | undefined
}

/** The files that a build gets. */
export interface PackageFiles {
  /** To lie beside the PKGBUILD. */
  readonly beside: readonly SourceFile[]
  /** To lie where makepkg keeps what it fetched. */
  readonly fetched: readonly SourceFile[]
}

/** A source of this kind can be told from another only by these; a shorter checksum is no proof of what is in it. */
const strongChecksum = /^(?:sha256|sha384|sha512|b2):/

/** Throws BUILD_SOURCE_MISSING for what is neither beside the PKGBUILD nor in the mirror. */
export async function findPackageFiles(recipe: FoundRecipe, places: SourcePlaces): Promise<PackageFiles> {
  const { directory, pkgbuild, files, sources } = recipe
  const beside = new Map([[pkgbuild.name, pkgbuild]])
  const fetched = new Map<string, SourceFile>()
  const local = [...files.map((name): RecipeSource => ({ name, url: undefined, checksums: [] })), ...sources]
  for (const source of local) {
    const { name, url } = source
    refuseVersionControl(recipe, source)
    const here = await findSourceFile(join(directory, name), name, places.packages)
    if (here !== undefined) beside.set(name, here)
    const there = here ?? (url === undefined ? undefined : await findInMirror(recipe, name, places))
    if (there === undefined) refuseMissing(recipe, source, places)
    else if (here === undefined) fetched.set(name, there)
  }
  return { beside: [...beside.values()], fetched: [...fetched.values()] }
}

/** What of the inputs is in files. */
export function inputsOfFiles(
  { pkgbuild, sources }: FoundRecipe,
  { beside, fetched }: PackageFiles,
): Pick<BuildInputs, 'pkgbuild' | 'files' | 'remote'> {
  const files = beside
    .filter(({ name }) => name !== pkgbuild.name)
    .map(({ name, digest, isExecutable }) => [name, isExecutable ? `${digest}+x` : digest] as const)
  const besides = new Set(beside.map(({ name }) => name))
  const remote = sources
    .filter(({ name, url }) => url !== undefined && !besides.has(name))
    .map(({ name, checksums }) => {
      const digest = fetched.find((file) => file.name === name)?.digest
      const isKnown = checksums.some((sum) => strongChecksum.test(sum)) || digest === undefined
      return [name, isKnown ? checksums : [digest]] as const
    })
  return { pkgbuild: pkgbuild.digest, files: Object.fromEntries(files), remote: Object.fromEntries(remote) }
}

async function findInMirror(
  { base }: Recipe,
  name: string,
  { mirror }: SourcePlaces,
): Promise<SourceFile | undefined> {
  if (mirror === undefined) return undefined
  return (
    (await findSourceFile(join(mirror, base, name), name, mirror)) ??
    (await findSourceFile(join(mirror, name), name, mirror))
  )
}

function refuseVersionControl({ base }: Recipe, { url }: RecipeSource): void {
  if (url === undefined || !/^(?:[a-z]+\+|git:|lp:)/.test(url)) return
  throw new BuildError(
    'BUILD_SOURCE_MISSING',
    `${base}: the source ${url} is a repository of some version control`,
    {
      hint: 'name a tar archive of it, with its checksum, and put that into the mirror',
    },
  )
}

function refuseMissing(
  { base, directory }: FoundRecipe,
  { name, url, checksums }: RecipeSource,
  { mirror, hasNetwork = false }: SourcePlaces,
): void {
  if (url === undefined) {
    throw new BuildError('BUILD_SOURCE_MISSING', `${base}: there is no file ${name} in ${directory}`, {
      hint: 'makepkg looks for it beside the PKGBUILD; correct the name there, or add the file',
    })
  }
  if (hasNetwork && checksums.some((sum) => strongChecksum.test(sum))) return
  const where = mirror === undefined ? 'there is no mirror' : `not in ${mirror}`
  throw new BuildError(
    'BUILD_SOURCE_MISSING',
    `${base}: the source ${name} is not beside its PKGBUILD, and ${where}`,
    {
      hint: hasNetwork
        ? 'give it a sha256 or b2 checksum, so that it may be fetched'
        : `put ${url} there, and name the directory with --mirror`,
    },
  )
}
