import type { Entry, FileEntry, InodeEntry } from '../../manifests/entry.ts'
import type { ReleaseModule } from '../../manifests/release.ts'
import { displayTreePath, type TreePath } from '../../manifests/tree-path.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { RepositoryError } from '../repository/errors.ts'
import type { Repository } from '../repository/repository.ts'
import { architectureOf } from './elf-architecture.ts'
import { ExportError } from './errors.ts'
import { ModuleContents } from './read-contents.ts'
import { encodeTarHeader, endOfTar, paddingAfter } from './tar-header.ts'
import { lengthOf, linkMember, memberOf } from './tar-member.ts'

/** What is known of a module before its first byte is written. */
export interface TarPlan {
  /** Of those that hard links lead to. */
  readonly linked: ReadonlySet<TreePath>
  /** Files with holes, which are written whole, and how many zeros that adds. */
  readonly sparseFiles: number
  readonly holeBytes: number
}

/**
 * Reads a module's manifest once to see whether a layer can hold it. Throws EXPORT_UNSUPPORTED for a name that means
 * a deletion there, and for an attribute that pax has no spelling for.
 */
export async function planTar(
  repository: Repository,
  name: string,
  module: ReleaseModule,
  options: CallOptions,
): Promise<TarPlan> {
  const linked = new Set<TreePath>()
  let [sparseFiles, holeBytes] = [0, 0]
  const { entries } = await repository.manifest(module, options)
  for await (const { entry } of entries) {
    refuseUnsayable(name, entry)
    if (entry.type === 'hardlink') linked.add(entry.target)
    if (entry.type !== 'file' || entry.sparse === undefined) continue
    sparseFiles++
    holeBytes += entry.sparse.size - entry.size
  }
  return { linked, sparseFiles, holeBytes }
}

/** Where the bytes of files come from. */
export interface FileContents {
  /** With holes as zeros. */
  read(file: FileEntry): AsyncGenerator<Buffer, void, undefined>
}

export interface TarEvents {
  readonly onBytes?: ((bytes: number) => void) | undefined
  /** Told of each program that says what architecture it is for. */
  readonly onProgram?: ((architecture: string) => void) | undefined
}

/**
 * A module as the tar archive of a layer (OCI image-spec, "Image Layer Filesystem Changeset"): a function of its
 * manifest alone. Members are in the manifest's order, the root first as `./`. Holes are zeros, since readers of
 * layers differ in what they make of sparse members. `contents`: default those of the store. Memory: a few chunks, and
 * what hard links share.
 */
export async function* moduleTar(
  repository: Repository,
  module: ReleaseModule,
  { linked }: TarPlan,
  {
    signal,
    onBytes,
    onProgram,
    contents: given,
  }: CallOptions & TarEvents & { readonly contents?: FileContents | undefined },
): AsyncGenerator<Buffer, void, undefined> {
  const { entries, chunkTable } = await repository.manifest(module, { signal })
  const contents = given ?? new ModuleContents(repository, chunkTable, { signal })
  const targets = new Map<TreePath, InodeEntry>()
  for await (const { entry } of entries) {
    signal?.throwIfAborted()
    if (entry.type === 'hardlink') {
      yield encodeTarHeader(linkMember(entry.path, targets.get(entry.target) ?? missing(entry.target)))
      continue
    }
    if (linked.has(entry.path)) targets.set(entry.path, entry)
    yield encodeTarHeader(memberOf(entry))
    if (entry.type !== 'file') continue
    let isFirst = true
    for await (const piece of contents.read(entry)) {
      if (isFirst && (entry.mode & 0o111) !== 0) tellArchitecture(piece, onProgram)
      isFirst = false
      onBytes?.(piece.length)
      yield piece
    }
    yield paddingAfter(lengthOf(entry))
  }
  yield endOfTar()
}

function tellArchitecture(head: Uint8Array, onProgram: TarEvents['onProgram']): void {
  const architecture = architectureOf(head)
  if (architecture !== undefined) onProgram?.(architecture)
}

/** A key of pax ends at "=", which GNU tar writes "%3D", and "%" accordingly; Go's readers know nothing of that. */
const unsayable = /=|%3D|%25/

function refuseUnsayable(module: string, entry: Entry): void {
  const shown = `"/${displayTreePath(entry.path)}" in the module ${module}`
  if (/(?:^|\/)\.wh\./.test(entry.path)) {
    throw new ExportError(
      'EXPORT_UNSUPPORTED',
      `${shown} has a name that begins with ".wh.": in a layer that deletes another file`,
      'rename it, or leave the module out with --module',
    )
  }
  const attribute =
    entry.type === 'hardlink' ? undefined : [...entry.xattrs.keys()].find((name) => unsayable.test(name))
  if (attribute === undefined) return
  throw new ExportError(
    'EXPORT_UNSUPPORTED',
    `${shown} has the extended attribute ${JSON.stringify(attribute)}: readers of archives take "=" and "%3D" in a name for something else`,
    'rename the attribute, or leave the module out with --module',
  )
}

function missing(target: TreePath): never {
  throw new RepositoryError(
    'REPOSITORY_CORRUPT',
    `a hard link leads to "/${displayTreePath(target)}", which is not in its manifest`,
    { hint: 'publish the tree again under a new version' },
  )
}
