import type { FileEntry } from '../../../manifests/entry.ts'
import { displayTreePath, type TreePath } from '../../../manifests/tree-path.ts'
import type { Release } from '../../../manifests/release.ts'
import type { CallOptions } from '../../../storage/blob-store.ts'
import { RepositoryError } from '../../repository/errors.ts'
import type { Repository } from '../../repository/repository.ts'
import { defineCommand } from '../command.ts'
import { parseModulesName } from '../modules-name.ts'
import { NotAFileError } from '../not-a-file-error.ts'
import { openRepository } from '../open-repository.ts'
import { argument } from '../parameters.ts'
import { readEntries, type FoundEntry } from '../read-entries.ts'
import { findRelease } from '../release-name.ts'
import { writeAll } from '../terminal.ts'
import { isWanted, parseWantedPath, type WantedPath } from '../wanted-path.ts'

/** `vend cat` */
export const catCommand = defineCommand({
  path: 'cat',
  summary: "write a file's content to stdout",
  description: "Writes a file's verified content to stdout, the holes of a sparse file as zeros.",
  examples: ['cat 10 /etc/os-release', 'cat stable:base /usr/bin/env > env'],
  arguments: {
    name: argument(
      'release[:module]',
      'a version or channel, and possibly one module of it',
      parseModulesName,
    ),
    path: argument('path', 'the path of a file in it', parseWantedPath),
  },
  options: {},
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'unknown', 'trust', 'store', 'input', 'damage', 'pipe'],
  isRaw: true,
  run: async ({ name, path }, context): Promise<void> => {
    const { streamFile } = await import('../stream-file.ts')
    const { repository } = await openRepository(context)
    const { signal, stdout } = context
    const { release } = await findRelease(repository, name.release, { signal })
    const { entry, chunkTable } = await findFile(repository, release, path, { module: name.module, signal })
    for await (const piece of streamFile(repository, entry, chunkTable, { signal })) {
      signal.throwIfAborted()
      await writeAll(stdout, piece)
    }
  },
  answer: () => undefined,
})

interface FoundFile extends FoundEntry {
  readonly entry: FileEntry
}

async function findFile(
  repository: Repository,
  release: Release,
  wanted: WantedPath,
  options: CallOptions & { readonly module: string | undefined },
): Promise<FoundFile> {
  const found = await findEntry(repository, release, (path) => isWanted(path, wanted), options)
  const target =
    found?.entry.type === 'hardlink' ? await followLink(repository, release, found, options) : found
  if (target === undefined) {
    throw new RepositoryError('PATH_UNKNOWN', `release ${release.version} has no path /${wanted.shown}`, {
      hint: `"vend ls ${release.version}" shows what it has`,
    })
  }
  const { entry } = target
  if (entry.type === 'file') return { ...target, entry }
  throw new NotAFileError(`/${displayTreePath(entry.path)}`, entry)
}

async function followLink(
  repository: Repository,
  release: Release,
  { module, entry }: FoundEntry,
  { signal }: CallOptions,
): Promise<FoundEntry | undefined> {
  const target = entry.type === 'hardlink' ? entry.target : entry.path
  return findEntry(repository, release, (path) => path === target, { module, signal })
}

/** Reads to the end, where the manifest's digest is compared: nothing of it can be trusted before. */
async function findEntry(
  repository: Repository,
  release: Release,
  isIt: (path: TreePath) => boolean,
  options: CallOptions & { readonly module: string | undefined },
): Promise<FoundEntry | undefined> {
  let found: FoundEntry | undefined
  for await (const candidate of readEntries(repository, release, options)) {
    if (isIt(candidate.entry.path)) found ??= candidate
  }
  return found
}
