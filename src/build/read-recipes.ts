import { createHash } from 'node:crypto'
import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { mapInOrder } from '../map-in-order.ts'
import type { BuildEnvironment } from './build-package.ts'
import { endOfLog } from './end-of-log.ts'
import { BuildError } from './errors.ts'
import type { FoundRecipe } from './package-inputs.ts'
import { parseSrcinfo } from './parse-srcinfo.ts'
import { isUnavailable, runApart } from './run-apart.ts'
import { findSourceFile, type SourceFile } from './source-file.ts'
import { Workspace } from './workspace.ts'

const recipeName = 'PKGBUILD'
/** What makepkg says of a PKGBUILD is a few kilobytes. */
const maxSrcinfoBytes = 1 << 20

/**
 * Every PKGBUILD below a directory, sorted by path, as makepkg understands it. PKGBUILDs are programs: they are run as
 * builds are, by the building user. What is below a directory with a PKGBUILD belongs to it. Throws PKGBUILD_INVALID.
 */
export async function readRecipes(
  packages: string,
  environment: BuildEnvironment,
  jobs: number,
): Promise<FoundRecipe[]> {
  const directories = await findRecipes(packages)
  if (directories.length === 0) {
    throw new BuildError('PKGBUILD_INVALID', `there is no PKGBUILD below ${packages}`, {
      hint: 'name the directory that has a directory with a PKGBUILD for each package',
    })
  }
  const found: FoundRecipe[] = []
  const read = async (directory: string): Promise<FoundRecipe> => readRecipe(directory, packages, environment)
  for await (const recipe of mapInOrder(directories, jobs, read)) found.push(recipe)
  return found
}

async function findRecipes(directory: string): Promise<string[]> {
  const items = await readdir(directory, { withFileTypes: true })
  if (items.some(({ name }) => name === recipeName)) return [directory]
  const below = items.filter((item) => item.isDirectory() && !item.name.startsWith('.'))
  const found = await Promise.all(below.map(async ({ name }) => findRecipes(join(directory, name))))
  return found.flat().sort()
}

async function readRecipe(
  directory: string,
  packages: string,
  environment: BuildEnvironment,
): Promise<FoundRecipe> {
  const place = join(directory, recipeName)
  const pkgbuild = await findSourceFile(place, recipeName, packages)
  if (pkgbuild === undefined) throw new BuildError('PKGBUILD_INVALID', `${place} leads nowhere`)
  // Makepkg asks whether some of the files are there, and of none what is in it.
  const items = await readdir(directory, { withFileTypes: true })
  const beside = items
    .filter((item) => !item.isDirectory() && item.name !== recipeName)
    .map(({ name }) => name)
  const { cache, tools } = environment
  const key = keyOf(pkgbuild, beside, tools.facts)
  const known = await cache.findSrcinfo(key)
  const text = known ?? (await printSrcinfo(pkgbuild, beside, place, environment))
  const recipe = parseSrcinfo(text, tools.architecture, place)
  if (known === undefined) await cache.addSrcinfo(key, text)
  return { ...recipe, directory, pkgbuild }
}

function keyOf(
  pkgbuild: SourceFile,
  beside: readonly string[],
  facts: Readonly<Record<string, string>>,
): string {
  const text = JSON.stringify([pkgbuild.digest, [...beside].sort(), facts['makepkg'], facts['config']])
  return createHash('sha256').update(text).digest('hex')
}

async function printSrcinfo(
  pkgbuild: SourceFile,
  placeholders: readonly string[],
  place: string,
  { tools, user, hidden, signal }: BuildEnvironment,
): Promise<string> {
  await using workspace = await Workspace.create({
    user,
    config: tools.config,
    beside: [pkgbuild],
    placeholders,
  })
  const [output, problems] = [join(workspace.path, 'srcinfo'), join(workspace.path, 'problems')]
  await using stdout = await open(output, 'wx+')
  await using stderr = await open(problems, 'wx')
  const outcome = await runApart({
    workspace: workspace.path,
    command: ['bash', 'run-makepkg.sh', '--printsrcinfo', '--nocolor'],
    user,
    hidden,
    stdout: stdout.fd,
    stderr: stderr.fd,
    signal,
  })
  const said = (await endOfLog(problems)).join('\n    ')
  if (isUnavailable(outcome)) {
    throw new BuildError('BUILD_PLACE_UNAVAILABLE', `builds cannot be kept apart: ${said}`)
  }
  if (outcome.exitCode !== 0) {
    throw new BuildError('PKGBUILD_INVALID', `makepkg cannot read ${place}:\n    ${said}`)
  }
  const { size } = await stdout.stat()
  if (size > maxSrcinfoBytes) throw new BuildError('PKGBUILD_INVALID', `${place} says more than a megabyte`)
  const { buffer } = await stdout.read(Buffer.alloc(size), 0, size, 0)
  return buffer.toString('utf8')
}
