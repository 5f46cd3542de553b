import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { digestOf } from '../../manifests/digest.ts'
import { BuildError } from './errors.ts'
import { makepkgConfig, packageArchitecture, packageEpoch } from './makepkg-config.ts'

export interface BuildTools {
  readonly architecture: string
  /** The text of the makepkg.conf. */
  readonly config: string
  /** What is the same for all packages, by name: for input hashes. */
  readonly facts: Readonly<Record<string, string>>
}

const needed = [
  ['makepkg', 'makepkg'],
  ['fakeroot', 'fakeroot'],
  ['bsdtar', 'libarchive-tools'],
  ['zstd', 'zstd'],
  ['unshare', 'util-linux'],
  ['setpriv', 'util-linux'],
] as const

/** Another version of these may make something else of the same sources; where there is none it cannot. */
const makers = [
  ['compiler', 'gcc'],
  ['linker', 'ld'],
  ['libc', 'ldd'],
] as const

/** Throws BUILD_PLACE_UNAVAILABLE with what is not installed. `addition`: the set's own makepkg.conf. */
export async function findBuildTools(addition = ''): Promise<BuildTools> {
  const versions = await Promise.all(needed.map(async ([program]) => versionOf(program)))
  const missing = needed.filter((_, i) => versions[i] === undefined)
  if (missing.length > 0) {
    const names = missing.map(([program]) => program).join(', ')
    const packages = [...new Set(missing.map(([, each]) => each))].join(' ')
    throw new BuildError('BUILD_PLACE_UNAVAILABLE', `to build packages needs ${names}`, {
      hint: `on Debian: apt-get install ${packages}`,
    })
  }
  const architecture = packageArchitecture()
  const config = makepkgConfig(architecture, addition)
  const facts: Record<string, string> = {
    architecture,
    config: digestOf(Buffer.from(config)),
    epoch: String(packageEpoch),
    makepkg: versions[0] ?? '',
  }
  for (const [name, program] of makers) facts[name] = (await versionOf(program)) ?? 'none'
  return { architecture, config, facts }
}

/** The first line of what a program says of its version; undefined where it is not installed. */
async function versionOf(program: string): Promise<string | undefined> {
  const { PATH } = process.env
  try {
    const { stdout } = await promisify(execFile)(program, ['--version'], { env: { PATH, LC_ALL: 'C' } })
    return stdout.split('\n')[0]?.trim()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
