import { open } from 'node:fs/promises'
import { digestFile } from '../digest-file.ts'
import type { BuildCache, BuildResult } from './build-cache.ts'
import type { BuildTools } from './build-tools.ts'
import type { BuildUser } from './build-user.ts'
import { endOfLog } from './end-of-log.ts'
import { BuildError } from './errors.ts'
import type { FoundRecipe, PackageFiles } from './package-inputs.ts'
import { packageFileName } from './recipe.ts'
import { isUnavailable, runApart } from './run-apart.ts'
import { Workspace } from './workspace.ts'

export interface BuildEnvironment {
  readonly cache: BuildCache
  readonly tools: BuildTools
  readonly user: BuildUser
  /** Directories that builds find empty. */
  readonly hidden?: readonly string[] | undefined
  readonly hasNetwork?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** Dependencies are resolved by us, there is nobody to ask, and what was fetched is what its checksum says. */
const makepkgOptions = ['--nodeps', '--noconfirm', '--nocolor', '--skippgpcheck']

/**
 * Makes the packages of a recipe with makepkg, and keeps them in the cache under `hash`. `needs`: package files that
 * it is to find in its sysroot. Throws BUILD_FAILED with the end of the log.
 */
export async function buildPackage(
  recipe: FoundRecipe,
  given: { readonly hash: string; readonly files: PackageFiles; readonly needs: readonly string[] },
  environment: BuildEnvironment,
): Promise<BuildResult> {
  const { cache, tools, user, hidden, hasNetwork, signal } = environment
  await using workspace = await Workspace.create({
    user,
    config: tools.config,
    ...given.files,
    needs: given.needs,
  })
  const logPath = await cache.logPath(recipe.base, given.hash)
  await using log = await open(logPath, 'w')
  const outcome = await runApart({
    workspace: workspace.path,
    command: ['bash', 'run-makepkg.sh', ...makepkgOptions],
    user,
    hidden,
    hasNetwork,
    stdout: log.fd,
    stderr: log.fd,
    signal,
  })
  if (isUnavailable(outcome)) {
    throw new BuildError('BUILD_PLACE_UNAVAILABLE', `builds cannot be kept apart: ${await lastLine(logPath)}`)
  }
  const { exitCode, signalName } = outcome
  if (exitCode !== 0) {
    throw await failed(recipe, logPath, `makepkg ended with ${signalName ?? `exit code ${exitCode}`}`)
  }
  const paths: string[] = []
  for (const each of recipe.packages) {
    const name = packageFileName(recipe, each)
    const path = await workspace.output(name)
    if (path === undefined) throw await failed(recipe, logPath, `makepkg left no ${name}`)
    paths.push(path)
  }
  const result: BuildResult = { base: recipe.base, version: recipe.version, files: [] }
  for (const [i, path] of paths.entries()) result.files.push(await describeFile(path, recipe, i))
  await cache.add(given.hash, result, paths)
  return result
}

async function describeFile(
  path: string,
  recipe: FoundRecipe,
  index: number,
): Promise<BuildResult['files'][number]> {
  const built = recipe.packages[index]
  if (built === undefined) throw new RangeError(`${recipe.base} has no package ${index}`)
  return { name: packageFileName(recipe, built), ...(await digestFile(path)) }
}

async function lastLine(logPath: string): Promise<string> {
  return (await endOfLog(logPath)).at(-1) ?? 'nothing is said of why'
}

async function failed(recipe: FoundRecipe, logPath: string, problem: string): Promise<BuildError> {
  const lines = (await endOfLog(logPath)).map((line) => `    ${line}`)
  return new BuildError(
    'BUILD_FAILED',
    `${recipe.base} ${recipe.version} cannot be built: ${problem}; its log ends with\n${lines.join('\n')}`,
    { hint: `the whole log is ${logPath}` },
  )
}
