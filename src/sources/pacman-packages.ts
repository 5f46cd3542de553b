import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { SourceEntry } from '../../manifests/entry.ts'
import { compareEntries } from '../tree/compare-entry.ts'
import type { OpenOptions } from './archive-bytes.ts'
import { SourceError, showMember } from './errors.ts'
import { isPackageName } from './package-name.ts'
import type { OpenedSource } from './opened-source.ts'
import { addPacmanDatabase } from './pacman-database.ts'
import { readPacmanPackage, type PacmanPackage } from './read-pacman-package.ts'
import { SourceNotes } from './source-notes.ts'
import { TreeSpool } from './tree-spool.ts'

export interface PacmanOptions extends OpenOptions {
  /** The source, for messages. Default: the first file's name. */
  readonly name?: string
  /** Put pacman's local database into the tree, as if it had installed the packages. Default: no. */
  readonly withDatabase?: boolean | undefined
}

/** The package files in a directory, by name. Throws SourceError when there are none. */
export function packagesIn(directory: string): string[] {
  const names = readdirSync(directory).filter(isPackageName).sort()
  if (names.length > 0) return names.map((name) => join(directory, name))
  throw new SourceError('SOURCE_UNSUPPORTED', { source: directory }, 'has no packages in it (*.pkg.tar.zst)')
}

/**
 * The tree that pacman would make of a set of packages, whatever their order: their files, and of directories in
 * several packages what the first says, by file name. Nothing is run: install scriptlets are named in the notes.
 * Throws SourceError: SOURCE_CONFLICT for a file in two packages, for two versions of one package, and for packages
 * that exclude each other by name.
 */
export async function openPacmanPackages(
  files: readonly string[],
  options: PacmanOptions = {},
): Promise<OpenedSource & { readonly packages: readonly PacmanPackage[] }> {
  const name = options.name ?? files[0] ?? 'packages'
  const spool = await TreeSpool.create(name)
  try {
    const set = new PackageSet(spool)
    for (const file of files.toSorted()) await set.add(file, options)
    refuseExclusive(set.packages)
    if (options.withDatabase === true) await addPacmanDatabase(spool, set.packages)
    return {
      packages: set.packages,
      tree: spool.finish(),
      contentBytes: spool.contentBytes,
      notes: set.notes(name),
      [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
    }
  } catch (error) {
    await spool[Symbol.asyncDispose]()
    throw error
  }
}

class PackageSet {
  readonly packages: PacmanPackage[] = []
  readonly #spool: TreeSpool
  readonly #lost = new SourceNotes()
  readonly #directoryNotes: string[] = []
  /** The package that each directory is of. */
  readonly #directories = new Map<string, string>()

  constructor(spool: TreeSpool) {
    this.#spool = spool
  }

  async add(file: string, options: OpenOptions): Promise<void> {
    const take = (entry: SourceEntry, content: AsyncIterable<Uint8Array>): Promise<void> =>
      this.#take(file, entry, content)
    const read = await readPacmanPackage(file, take, this.#lost, options)
    const same = this.packages.find(({ name }) => name === read.name)
    if (same !== undefined) {
      const problem = `is the package ${read.name} ${read.version}, and so is ${same.file} in version ${same.version}; leave one of them out`
      throw new SourceError('SOURCE_CONFLICT', { source: file }, problem)
    }
    this.packages.push(read)
  }

  notes(source: string): string[] {
    const scripted = this.packages.filter(({ install }) => install !== undefined).map(({ name }) => name)
    return [
      ...this.#lost.all(source),
      ...this.#directoryNotes,
      ...(scripted.length === 0
        ? []
        : [
            `${source}: the install scriptlets of ${scripted.join(', ')} were not run; do it in the tree, or by hooks`,
          ]),
    ]
  }

  async #take(file: string, entry: SourceEntry, content: AsyncIterable<Uint8Array>): Promise<void> {
    const owner = entry.type === 'directory' ? this.#directories.get(entry.path) : undefined
    if (owner !== undefined && owner !== file) {
      this.#noteDifference(file, entry, owner)
      return
    }
    try {
      await this.#spool.put(entry, content, { ifThere: 'refuse' })
    } catch (error) {
      throw this.#withOwners(error, file, entry)
    }
    if (entry.type === 'directory') this.#directories.set(entry.path, file)
  }

  #noteDifference(file: string, entry: SourceEntry, owner: string): void {
    const there = this.#spool.find(entry.path)
    const aspects = there === undefined ? [] : compareEntries(entry, there)
    const worth = aspects.filter((aspect) => aspect !== 'mtime')
    if (worth.length === 0) return
    const path = showMember(entry.path)
    this.#directoryNotes.push(
      `${path}: ${file} and ${owner} differ in its ${worth.join(' and ')}; it is as in the latter`,
    )
  }

  #withOwners(error: unknown, file: string, { path }: SourceEntry): unknown {
    if (!(error instanceof SourceError)) return error
    const place = { source: file, member: error.member ?? path }
    const owners = error.code === 'SOURCE_CONFLICT' ? this.#ownersOf(path) : []
    if (owners.length === 0) return new SourceError(error.code, place, problemOf(error), error)
    const problem = `is in ${owners.join(', ')} too: packages must not have a file in common; leave one of them out`
    return new SourceError('SOURCE_CONFLICT', place, problem, error)
  }

  #ownersOf(path: string): string[] {
    return this.packages
      .filter(({ paths }) => paths.includes(path) || paths.includes(`${path}/`))
      .map(({ name, version }) => `${name} ${version}`)
  }
}

/** By names without versions; pacman would not install such a set either. */
function refuseExclusive(packages: readonly PacmanPackage[]): void {
  for (const one of packages) {
    for (const excluded of one.info.get('conflict') ?? []) {
      const other = packages.find((each) => each !== one && namesOf(each).has(excluded))
      if (other === undefined) continue
      const problem = `${one.name} is in conflict with ${excluded}, which ${other.name} ${other.name === excluded ? 'is' : 'provides'}; leave one of them out`
      throw new SourceError('SOURCE_CONFLICT', { source: one.file }, problem)
    }
  }
}

function namesOf({ name, info }: PacmanPackage): ReadonlySet<string> {
  return new Set([name, ...(info.get('provides') ?? []).map((text) => text.replace(/[<>=].*$/, ''))])
}

function problemOf(error: Error): string {
  return error.message.slice(error.message.indexOf(': ') + 2)
}
