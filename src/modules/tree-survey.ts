import { closeSync } from 'node:fs'
import type { SourceEntry } from '../../manifests/entry.ts'
import { displayTreePath, type TreePath } from '../../manifests/tree-path.ts'
import { isDatabaseFile } from '../packages/database-paths.ts'
import { PackageDatabaseError } from '../packages/errors.ts'
import type { DatabaseFiles } from '../packages/package-database.ts'
import { ContentReader } from '../tree/file-content.ts'
import type { TreeSource } from '../tree/tree-source.ts'
import type { WalkedFile, WalkOptions } from '../tree/walk-directory.ts'

/** What is known of an entry when the modules are laid out. */
export interface SurveyedEntry {
  readonly path: TreePath
  readonly type: SourceEntry['type']
  /** Bytes of content; 0 of all but files. */
  readonly size: number
  /** Of symlinks their text; of hard links the path of the file. */
  readonly target: string | undefined
}

/** A tree as it was walked by once: its entries in the order of manifests, and its package database. */
export interface TreeSurvey {
  readonly name: string
  readonly entries: ReadonlyMap<TreePath, SurveyedEntry>
  readonly databaseFiles: DatabaseFiles
}

/** A database is a few megabytes; whatever is larger is none, and would be held in memory. */
const maxDatabaseFileBytes = 256 * 1024 * 1024
const maxDatabaseBytes = 512 * 1024 * 1024

/** Walks a tree once. About 200 bytes an entry. Throws what walking throws, and PackageDatabaseError. */
export function surveyTree(
  source: TreeSource,
  options: WalkOptions & { signal?: AbortSignal } = {},
): TreeSurvey {
  const entries = new Map<TreePath, SurveyedEntry>()
  const databaseFiles = new Map<string, Buffer>()
  let databaseBytes = 0
  for (const walked of source.walk(options)) {
    options.signal?.throwIfAborted()
    const { entry } = walked
    entries.set(entry.path, {
      path: entry.path,
      type: entry.type,
      size: entry.type === 'file' ? entry.size : 0,
      target: entry.type === 'symlink' || entry.type === 'hardlink' ? entry.target : undefined,
    })
    if (walked.open === undefined || !isDatabaseFile(entry.path)) continue
    databaseBytes += walked.entry.size
    databaseFiles.set(entry.path, readWhole(walked, source.name, databaseBytes))
  }
  return { name: source.name, entries, databaseFiles }
}

function readWhole({ entry, open, assertUnchanged }: WalkedFile, tree: string, bytesSoFar: number): Buffer {
  if (entry.size > maxDatabaseFileBytes || bytesSoFar > maxDatabaseBytes || entry.sparse !== undefined) {
    throw new PackageDatabaseError(
      displayTreePath(entry.path),
      'is too large, or too sparse, to be a package database',
    )
  }
  const content = Buffer.alloc(entry.size)
  const fd = open()
  try {
    new ContentReader(fd, { ...entry, tree }).read(content, 0)
    assertUnchanged(fd)
    return content
  } finally {
    closeSync(fd)
  }
}
