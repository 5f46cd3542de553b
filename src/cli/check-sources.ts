import { emptyDigest } from '../../manifests/digest.ts'
import { FormatError } from '../../manifests/errors.ts'
import { checkRelease } from '../../manifests/release.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import { SourceError } from '../sources/errors.ts'
import { findSource } from '../sources/source-kind.ts'
import type { IncludeArgument, PrefixArgument, SourceArgument } from './parse-sources.ts'

export interface NamedSource {
  readonly name: string
  /** A path, or a kind of source, a colon and a path. */
  readonly tree: string
  readonly includes: readonly string[]
  readonly prefix: TreePath | undefined
}

export interface SourceInput {
  readonly sources: readonly SourceArgument[]
  readonly module: string | undefined
  readonly include: readonly IncludeArgument[]
  readonly prefix: readonly PrefixArgument[]
}

const defaultModule = 'system'

/** The modules that a command line describes. */
export function nameSources({ sources, module, include, prefix: prefixes }: SourceInput): NamedSource[] {
  return sources.map(({ module: own, tree }) => {
    const name = own ?? module ?? defaultModule
    const includes = include.filter((item) => item.module === name).flatMap((item) => item.includes)
    const prefix = prefixes.find((item) => item.module === name)?.prefix
    return { name, tree, includes: [...new Set(includes)].sort(), prefix }
  })
}

/** What is wrong with them, as far as it shows before the trees are read. */
export function checkSources(input: SourceInput): string[] {
  const named = nameSources(input)
  const names = named.map(({ name }) => name)
  const repeated = names.filter((name, i) => names.indexOf(name) !== i)
  const strangers = (items: readonly { readonly module: string }[]): string[] =>
    items.map(({ module }) => module).filter((module) => !names.includes(module))
  const prefixed = input.prefix.map(({ module }) => module)
  const problems = [
    ...[...new Set(repeated)].map(
      (name) => `SOURCE: two sources for the module "${name}"; give each its own name=SOURCE`,
    ),
    ...strangers(input.include).map((name) => `--include: there is no module "${name}" among the sources`),
    ...strangers(input.prefix).map((name) => `--prefix: there is no module "${name}" among the sources`),
    ...prefixed
      .filter((name, i) => prefixed.indexOf(name) !== i)
      .map((name) => `--prefix: two directories for the module "${name}"`),
    ...(input.module !== undefined && input.sources.every(({ module }) => module !== undefined)
      ? ['--module: every source has a name of its own already']
      : []),
    ...named.flatMap((source) => sourceProblem(source) ?? []),
  ]
  return problems.length > 0 ? problems : includeProblems(named)
}

function sourceProblem({ tree, prefix }: NamedSource): string | undefined {
  try {
    const { kind } = findSource(tree)
    if (kind === 'image' && prefix !== undefined) {
      return '--prefix: an image module is one file, and not below any directory'
    }
    return undefined
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    return `SOURCE: ${error.message}`
  }
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
