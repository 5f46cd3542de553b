import { displayTreePath, isTreePath, parentOf, rootPath, type TreePath } from '../../manifests/tree-path.ts'
import type { PackageIndex } from '../packages/package-index.ts'
import type { ModuleProblem } from './errors.ts'
import { FileOwners } from './file-owners.ts'
import type { FilePlacement, PlacedPath, UnownedPath } from './file-placement.ts'
import type { ModuleDefinitions } from './module-definition.ts'
import type { ModuleGraph } from './module-graph.ts'
import { PathSelection } from './path-selection.ts'
import { hiddenPaths, shownPaths, unownedProblem } from './unowned-problem.ts'
import type { SurveyedEntry, TreeSurvey } from './tree-survey.ts'

/**
 * Gives every path one module, and every directory all that have something in it. In this order: what is hidden or
 * excluded for all goes nowhere; what the globs of a module select is its; what packages have goes where they are; a
 * symbolic link of nobody's goes where it leads to, and compiled Python to its source; the rest is unowned.
 */
export function placeFiles(
  definitions: ModuleDefinitions,
  graph: ModuleGraph,
  index: PackageIndex,
  survey: TreeSurvey,
  homes: ReadonlyMap<string, string>,
): FilePlacement {
  const placing = new FilePlacing(definitions, graph, index, survey, homes)
  return placing.place()
}

/** What Linux follows, too. */
const maxLinks = 40

class FilePlacing {
  readonly #definitions: ModuleDefinitions
  readonly #graph: ModuleGraph
  readonly #survey: TreeSurvey
  readonly #homes: ReadonlyMap<string, string>
  readonly #owners: FileOwners
  readonly #hidden = hiddenPaths()
  readonly #excluded: PathSelection
  readonly #claims: ReadonlyMap<string, PathSelection>
  readonly #drops: ReadonlyMap<string, PathSelection>
  readonly #files = new Map<TreePath, PlacedPath>()
  readonly #directories = new Map<TreePath, Set<string>>()
  readonly #unowned: UnownedPath[] = []
  readonly #problems: ModuleProblem[] = []
  /** Paths that several modules claim, by the modules. */
  readonly #contested = new Map<string, { readonly why: string; readonly paths: TreePath[] }>()
  /** Directories with unowned things somewhere below, and with things that are published in no module. */
  readonly #holdsUnowned = new Set<TreePath>()
  readonly #holdsUnpublished = new Set<TreePath>()
  /** On the way to where a link leads. */
  readonly #open = new Set<TreePath>()

  constructor(
    definitions: ModuleDefinitions,
    graph: ModuleGraph,
    index: PackageIndex,
    survey: TreeSurvey,
    homes: ReadonlyMap<string, string>,
  ) {
    this.#definitions = definitions
    this.#graph = graph
    this.#survey = survey
    this.#homes = homes
    this.#owners = new FileOwners(survey.entries, index)
    this.#excluded = new PathSelection(definitions.exclude)
    const modules = [...definitions.modules.values()]
    this.#claims = new Map(modules.map(({ name, paths }) => [name, new PathSelection(paths)]))
    this.#drops = new Map(modules.map(({ name, excludedPaths }) => [name, new PathSelection(excludedPaths)]))
  }

  place(): FilePlacement {
    const directories: SurveyedEntry[] = []
    for (const entry of this.#survey.entries.values()) {
      if (entry.type === 'directory') directories.push(entry)
      else this.#placeFile(entry)
    }
    for (const name of this.#graph.names) this.#addDirectory(rootPath, name)
    for (const { path } of directories) this.#placeDirectory(path)
    // From the deepest up: a directory that holds one of nobody's is itself no longer anybody's question.
    for (const { path } of directories.reverse()) this.#settleDirectory(path)
    this.#unowned.sort((a, b) => (a.path < b.path ? -1 : 1))
    this.#report()
    return {
      files: this.#files,
      directories: this.#directories,
      linkedInto: this.#linkedInto(),
      ownersOf: (path) => this.#owners.of(path).map(({ id }) => id),
      unowned: this.#unowned,
      problems: this.#problems,
      notes: this.#notes(),
    }
  }

  #placeFile(entry: SurveyedEntry): PlacedPath | undefined {
    const known = this.#files.get(entry.path)
    if (known !== undefined) return known
    const found = this.#find(entry)
    if (found === undefined) return undefined
    const placed = this.#dropped(entry.path, found)
    this.#files.set(entry.path, placed)
    if (placed.module !== undefined) this.#addParents(entry.path, placed.module)
    else if (placed.reason.kind !== 'unowned') this.#mark(entry.path, this.#holdsUnpublished)
    return placed
  }

  #find(entry: SurveyedEntry): PlacedPath | undefined {
    const { path } = entry
    return (
      this.#nowhere(path) ??
      this.#claimed(path) ??
      this.#owned(path) ??
      this.#beside(entry) ??
      this.#unclaimed(path)
    )
  }

  #nowhere(path: TreePath): PlacedPath | undefined {
    if (this.#definitions.hidePackages && this.#hidden.has(path)) {
      return { module: undefined, reason: { kind: 'database' } }
    }
    const i = this.#excluded.indexFor(path)
    if (i === undefined) return undefined
    const reason = {
      kind: 'excluded' as const,
      glob: this.#definitions.exclude[i] ?? '',
      line: this.#definitions.lineOf('exclude', i),
    }
    return { module: undefined, reason }
  }

  #dropped(path: TreePath, placed: PlacedPath): PlacedPath {
    if (placed.module === undefined) return placed
    const { module } = placed
    const i = this.#drops.get(module)?.indexFor(path)
    if (i === undefined) return placed
    const glob = this.#definitions.modules.get(module)?.excludedPaths[i] ?? ''
    const line = this.#definitions.lineOf('modules', module, 'exclude')
    return { module: undefined, reason: { kind: 'excluded', glob, line } }
  }

  #claimed(path: TreePath): PlacedPath | undefined {
    const claims: { readonly module: string; readonly i: number }[] = []
    for (const [module, selection] of this.#claims) {
      const i = selection.indexFor(path)
      if (i !== undefined) claims.push({ module, i })
    }
    const [first] = claims
    if (first === undefined) return undefined
    if (claims.length > 1) {
      const globs = claims.map(({ module, i }) => `${module} by ${this.#globAt(module, i).glob}`)
      this.#contest(path, globs.join(' and '), 'take them back with a ! glob in all but one')
    }
    return { module: first.module, reason: { kind: 'glob', ...this.#globAt(first.module, first.i) } }
  }

  #globAt(module: string, i: number): { readonly glob: string; readonly line: number } {
    const glob = this.#definitions.modules.get(module)?.paths[i] ?? ''
    return { glob, line: this.#definitions.lineOf('modules', module, 'paths', i) }
  }

  #owned(path: TreePath): PlacedPath | undefined {
    const owners = this.#owners.of(path).map(({ id }) => id)
    if (owners.length === 0) return undefined
    const modules = [...new Set(owners.flatMap((id) => this.#homes.get(id) ?? []))]
    if (modules.length === 0) return { module: undefined, reason: { kind: 'left-out', packages: owners } }
    const reason = { kind: 'package', packages: owners } as const
    const home = this.#graph.homeFor(modules)
    if (home === undefined) {
      const why = modules.map(
        (module) =>
          `${module} by ${owners
            .filter((id) => this.#homes.get(id) === module)
            .slice(0, 3)
            .join(', ')}`,
      )
      this.#contest(path, why.join(' and '), 'say by "paths" of one of them whose it is')
    }
    return { module: home ?? modules[0], reason }
  }

  /** Of a link what it leads to, of compiled Python its source. */
  #beside(entry: SurveyedEntry): PlacedPath | undefined {
    const { path } = entry
    const source = sourceOfCompiled(path)
    const to = entry.type === 'symlink' ? this.#owners.step(path) : source
    if (to === undefined || to === path || this.#open.has(path)) return undefined
    const kind = entry.type === 'symlink' ? 'link' : 'compiled'
    this.#open.add(path)
    try {
      const target = this.#survey.entries.get(to)
      const isThere = target !== undefined && target.type !== 'directory'
      const placed = (isThere ? this.#follow(target) : undefined) ?? this.#ofOwner(to)
      if (placed === undefined || placed.reason.kind === 'unowned') return undefined
      // A link outlives what is excluded, as one to /dev/null does.
      const kept = kind === 'link' && isExcluded(placed) ? this.#ofOwner(to) : placed
      return kept === undefined ? undefined : { module: kept.module, reason: { kind, to } }
    } finally {
      this.#open.delete(path)
    }
  }

  #ofOwner(path: TreePath): PlacedPath | undefined {
    return this.#claimed(path) ?? this.#owned(path)
  }

  #follow(target: SurveyedEntry): PlacedPath | undefined {
    const goesOn = this.#open.size < maxLinks && !this.#open.has(target.path)
    return goesOn ? this.#placeFile(target) : undefined
  }

  #unclaimed(path: TreePath): PlacedPath | undefined {
    this.#unowned.push({ path, neighbour: this.#neighbourOf(path) })
    this.#mark(path, this.#holdsUnowned)
    return { module: this.#definitions.unowned, reason: { kind: 'unowned' } }
  }

  #neighbourOf(path: TreePath): string | undefined {
    for (let at = parentOf(path); at !== ''; at = parentOf(at)) {
      const owners = this.#owners.of(at)
      if (owners.length > 0) return owners.length === 1 ? owners[0]?.id : undefined
    }
    return undefined
  }

  #placeDirectory(path: TreePath): void {
    if (path === rootPath || this.#nowhere(path) !== undefined) return
    for (const { id } of this.#owners.of(path)) {
      const home = this.#homes.get(id)
      if (home !== undefined && this.#drops.get(home)?.has(path) !== true) this.#addDirectory(path, home)
    }
    for (const [module, selection] of this.#claims) {
      if (selection.has(path)) this.#addDirectory(path, module)
    }
  }

  /** An empty directory that nobody has is as unowned as a file. */
  #settleDirectory(path: TreePath): void {
    if (path === rootPath || this.#directories.has(path) || this.#nowhere(path) !== undefined) return
    if (this.#owners.of(path).length > 0) return
    const { unowned } = this.#definitions
    if (unowned !== undefined) this.#addDirectory(path, unowned)
    // What is around such a path needs no answer of its own, nor what is around things that are left out.
    if (this.#holdsUnowned.has(path) || this.#holdsUnpublished.has(path)) return
    this.#unowned.push({ path, neighbour: this.#neighbourOf(path) })
    this.#mark(path, this.#holdsUnowned)
  }

  #mark(path: TreePath, ancestors: Set<TreePath>): void {
    for (let at = parentOf(path); at !== '' && !ancestors.has(at); at = parentOf(at)) ancestors.add(at)
  }

  #addParents(path: TreePath, module: string): void {
    this.#addDirectory(parentOf(path), module)
  }

  #addDirectory(path: TreePath, module: string): void {
    for (let at = path; ; at = parentOf(at)) {
      const modules = this.#directories.get(at) ?? new Set()
      if (modules.has(module)) return
      this.#directories.set(at, modules.add(module))
      if (at === rootPath) return
    }
  }

  #linkedInto(): Map<string, Set<TreePath>> {
    const linked = new Map<string, Set<TreePath>>()
    for (const { path, type, target } of this.#survey.entries.values()) {
      if (type !== 'hardlink') continue
      const module = this.#files.get(path)?.module
      const file = target as TreePath
      if (module === undefined || this.#files.get(file)?.module === module) continue
      linked.set(module, (linked.get(module) ?? new Set<TreePath>()).add(file))
    }
    return linked
  }

  #contest(path: TreePath, why: string, wayOut: string): void {
    const key = `${why}; ${wayOut}`
    const known = this.#contested.get(key) ?? { why: key, paths: [] }
    known.paths.push(path)
    this.#contested.set(key, known)
  }

  #report(): void {
    const { file, lineOf, modules } = this.#definitions
    for (const { why, paths } of this.#contested.values()) {
      const message = `${file}: ${shownPaths(paths)} would be in ${why}`
      this.#problems.push({ kind: 'file-shared', subject: `/${displayTreePath(paths[0] ?? '')}`, message })
    }
    for (const [name, { paths }] of modules) {
      for (const i of this.#claims.get(name)?.unmatched() ?? []) {
        const glob = paths[i] ?? ''
        const message = `${file}:${lineOf('modules', name, 'paths', i)}: modules.${name}.paths: nothing in the tree matches ${glob}; correct it or take it out`
        this.#problems.push({ kind: 'glob-unmatched', subject: glob, message })
      }
    }
    if (this.#definitions.unowned === undefined && this.#unowned.length > 0)
      this.#problems.push(unownedProblem(file, this.#unowned))
  }

  #notes(): string[] {
    const { exclude, modules } = this.#definitions
    const ofAll = this.#excluded.unmatched().map((i) => `exclude: nothing in the tree matches ${exclude[i]}`)
    const ofModules = [...this.#drops].flatMap(([name, selection]) =>
      selection
        .unmatched()
        .map(
          (i) =>
            `modules.${name}.exclude: nothing of the module matches ${modules.get(name)?.excludedPaths[i]}`,
        ),
    )
    return [...ofAll, ...ofModules]
  }
}

function isExcluded({ reason: { kind } }: PlacedPath): boolean {
  return kind === 'excluded' || kind === 'database'
}

/** `a/__pycache__/b.cpython-311.opt-1.pyc` was made from `a/b.py` (PEP 3147). */
function sourceOfCompiled(path: TreePath): TreePath | undefined {
  const [, directory, stem] = /^(.*)__pycache__\/([^/.]+)\.[^/]*\.pyc$/s.exec(path) ?? []
  const source = directory === undefined ? undefined : `${directory}${stem}.py`
  return source !== undefined && isTreePath(source) ? source : undefined
}
