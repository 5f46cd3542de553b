import { statSync } from 'node:fs'
import { emptyDigest } from '../../manifests/digest.ts'
import { FormatError } from '../../manifests/errors.ts'
import { checkRelease } from '../../manifests/release.ts'
import type { IncludeArgument, SourceArgument } from './parse-sources.ts'

export interface NamedSource {
  readonly name: string
  readonly tree: string
  readonly includes: readonly string[]
}

export interface SourceInput {
  readonly sources: readonly SourceArgument[]
  readonly module: string | undefined
  readonly include: readonly IncludeArgument[]
}

const defaultModule = 'system'

/** The modules that a command line describes. */
export function nameSources({ sources, module, include }: SourceInput): NamedSource[] {
  return sources.map(({ module: own, tree }) => {
    const name = own ?? module ?? defaultModule
    const includes = include.filter((item) => item.module === name).flatMap((item) => item.includes)
    return { name, tree, includes: [...new Set(includes)].sort() }
  })
}

/** What is wrong with them, as far as it shows before the trees are read. */
export function checkSources(input: SourceInput): string[] {
  const named = nameSources(input)
  const names = named.map(({ name }) => name)
  const repeated = names.filter((name, i) => names.indexOf(name) !== i)
  const strangers = input.include.map(({ module }) => module).filter((module) => !names.includes(module))
  const problems = [
    ...[...new Set(repeated)].map(
      (name) => `SOURCE: two directories for the module "${name}"; give each its own name=DIRECTORY`,
    ),
    ...strangers.map((name) => `--include: there is no module "${name}" among the sources`),
    ...(input.module !== undefined && input.sources.every(({ module }) => module !== undefined)
      ? ['--module: every source has a name of its own already']
      : []),
    ...named.flatMap(({ tree }) => treeProblem(tree) ?? []),
  ]
  return problems.length > 0 ? problems : includeProblems(named)
}

function treeProblem(tree: string): string | undefined {
  const stats = statSync(tree, { throwIfNoEntry: false })
  if (stats === undefined) return `SOURCE: there is no directory ${tree}`
  return stats.isDirectory() ? undefined : `SOURCE: ${tree} is not a directory`
}

/** Asked of the release itself, before hours of work have gone into its contents. */
function includeProblems(named: readonly NamedSource[]): string[] {
  const manifest = { digest: emptyDigest, bytes: 1 }
  const modules = named.map(
    ({ name, includes }) => [name, { manifest, includes, entries: 0, contentBytes: 0 }] as const,
  )
  try {
    checkRelease({ version: 1, created: '', modules: Object.fromEntries(modules) })
    return []
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return [`--include: ${error.message.replace(/^release, modules\./, '').replace(/\.includes: /, ' ')}`]
  }
}
