import { encodeEntry } from '../../../manifests/entry-line.ts'
import type { JsonValue } from '../../../manifests/canonical-json.ts'
import type { Release } from '../../../manifests/release.ts'
import { rootPath } from '../../../manifests/tree-path.ts'
import { RepositoryError } from '../../repository/errors.ts'
import { defineCommand } from '../command.ts'
import { describeEntry } from '../describe-entry.ts'
import { parseModulesName } from '../modules-name.ts'
import { openRepository } from '../open-repository.ts'
import type { Row } from '../output.ts'
import { argument, flag, optionalArgument } from '../parameters.ts'
import { readEntries, type FoundEntry } from '../read-entries.ts'
import { findRelease } from '../release-name.ts'
import { isBelow, isWanted, parseWantedPath, type WantedPath } from '../wanted-path.ts'

interface Listing {
  readonly release: Release
  readonly found: AsyncIterable<FoundEntry>
}

/** `vend ls` */
export const lsCommand = defineCommand({
  path: 'ls',
  summary: 'list what is in a release',
  description:
    'Lists a directory of a release, or of one of its modules, much as ls -l would; times are UTC. Images are no part of ' +
    'the root: name the module to see one. Bytes that are not ' +
    'UTF-8 are shown as \\xNN, and such a path may be named like that.',
  examples: ['ls 10', 'ls stable /etc', 'ls 10:base /usr/bin -R', 'ls stable -R --json'],
  arguments: {
    name: argument(
      'release[:module]',
      'a version or channel, and possibly one module of it',
      parseModulesName,
    ),
    path: optionalArgument('path', 'a path in it (default /)', parseWantedPath),
  },
  options: { recursive: flag('-R, --recursive', 'also what lies further below') },
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'unknown', 'trust', 'store', 'damage', 'pipe'],
  run: async ({ name, path, recursive }, context): Promise<Listing> => {
    const { repository } = await openRepository(context)
    const { signal } = context
    const { release } = await findRelease(repository, name.release, { signal })
    const entries = readEntries(repository, release, { module: name.module, signal })
    const wanted = path ?? { path: rootPath, shown: '' }
    return { release, found: select(entries, wanted, { recursive, release }) }
  },
  answer: ({ release, found }) => ({
    json: { release: release.version },
    text: () => '',
    rows: { name: 'entries', each: rowsOf(found) },
  }),
})

async function* select(
  entries: AsyncIterable<FoundEntry>,
  wanted: WantedPath,
  { recursive, release }: { readonly recursive: boolean; readonly release: Release },
): AsyncGenerator<FoundEntry, void, undefined> {
  let isFound = false
  for await (const found of entries) {
    const { path, type } = found.entry
    if (isWanted(path, wanted)) {
      isFound = true
      if (type !== 'directory') yield found
    } else if (isBelow(path, wanted, { directly: !recursive })) yield found
  }
  if (isFound) return
  throw new RepositoryError('PATH_UNKNOWN', `release ${release.version} has no path /${wanted.shown}`, {
    hint: `"vend ls ${release.version}" shows what it has`,
  })
}

async function* rowsOf(found: AsyncIterable<FoundEntry>): AsyncGenerator<Row, void, undefined> {
  for await (const { module, entry } of found) {
    const json = JSON.parse(encodeEntry(entry)) as Record<string, JsonValue>
    yield { json: { module, ...json }, text: describeEntry(entry) }
  }
}
