import type { Entry } from '../../manifests/entry.ts'
import type { Release } from '../../manifests/release.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { compareEntries, type EntryAspect } from '../tree/compare-entry.ts'
import { mergeEntries, type PathGroup } from '../tree/merge-entries.ts'
import type { ManifestEntry } from '../tree/read-manifest.ts'
import { findModule } from './find-module.ts'
import type { Repository } from './repository.ts'

/** What is not the same at one path of a module in two releases. */
export interface Difference {
  readonly module: string
  readonly path: TreePath
  readonly change: 'added' | 'removed' | 'changed'
  /** Of what was changed; empty for what was added or removed. */
  readonly aspects: readonly EntryAspect[]
  readonly types: Sides<Entry['type']>
  /** Bytes of a file, holes included. */
  readonly sizes: Sides<number>
}

/** Absent where there is nothing to say of that side. */
export interface Sides<T> {
  readonly from?: T
  readonly to?: T
}

export interface DiffOptions extends CallOptions {
  /** Only this module. Throws MODULE_UNKNOWN when neither release has it. */
  readonly module?: string | undefined
  /** Only what comes later than this. */
  readonly after?: Pick<Difference, 'module' | 'path'> | undefined
}

type Entries = AsyncGenerator<ManifestEntry, void, undefined>

/**
 * Everything in which two releases differ, module by module in order of their names, each in path order. Modules with
 * the same manifest are not read. Memory: two chunk tables and two entries.
 */
export async function* diffReleases(
  repository: Repository,
  from: Release,
  to: Release,
  options: DiffOptions = {},
): AsyncGenerator<Difference, void, undefined> {
  const { after } = options
  for (const module of modulesToCompare(from, to, options.module)) {
    if (after !== undefined && module < after.module) continue
    for await (const difference of diffModule(repository, from, to, { ...options, module })) {
      if (module !== after?.module || difference.path > after.path) yield difference
    }
  }
}

function modulesToCompare(from: Release, to: Release, only: string | undefined): string[] {
  if (only !== undefined && !Object.hasOwn(from.modules, only)) findModule(to, only)
  const names = new Set([...Object.keys(from.modules), ...Object.keys(to.modules)])
  return [...names]
    .filter((name) => only === undefined || name === only)
    .filter((name) => from.modules[name]?.manifest.digest !== to.modules[name]?.manifest.digest)
    .sort()
}

async function* diffModule(
  repository: Repository,
  from: Release,
  to: Release,
  options: CallOptions & { readonly module: string },
): AsyncGenerator<Difference, void, undefined> {
  const sources: Entries[] = []
  try {
    for (const release of [from, to]) sources.push(await openEntries(repository, release, options))
    for await (const group of mergeEntries(sources)) {
      const difference = compareGroup(options.module, group)
      if (difference !== undefined) yield difference
    }
  } finally {
    await Promise.all(sources.map(async (source) => source.return()))
  }
}

async function openEntries(
  repository: Repository,
  release: Release,
  { module, signal }: CallOptions & { readonly module: string },
): Promise<Entries> {
  const found = Object.hasOwn(release.modules, module) ? release.modules[module] : undefined
  return found === undefined ? noEntries() : (await repository.manifest(found, { signal })).entries
}

async function* noEntries(): Entries {
  // A module that a release does not have.
}

function compareGroup(module: string, { path, items }: PathGroup): Difference | undefined {
  const [from, to] = [items[0]?.entry, items[1]?.entry]
  const aspects = from === undefined || to === undefined ? [] : compareEntries(from, to)
  if (from !== undefined && to !== undefined && aspects.length === 0) return undefined
  return {
    module,
    path,
    change: from === undefined ? 'added' : to === undefined ? 'removed' : 'changed',
    aspects,
    types: sides(from?.type, to?.type),
    sizes: sides(fileBytes(from), fileBytes(to)),
  }
}

function sides<T>(from: T | undefined, to: T | undefined): Sides<T> {
  return { ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
}

function fileBytes(entry: Entry | undefined): number | undefined {
  return entry?.type === 'file' ? (entry.sparse?.size ?? entry.size) : undefined
}
