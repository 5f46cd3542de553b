import type { TargetFile } from '@tufjs/models'
import { digestFromHex } from '../../manifests/digest.ts'
import type { LogEntry } from '../transparency/log-entry.ts'

/** The documents that the two delegated roles list, by target path. */
export type Listed = Readonly<Record<string, TargetFile>>

/**
 * What the log is to say of the step from one list of documents to the next: those that became visible, releases before
 * channels, each in order of version or name. It follows from the signed metadata alone, so that whoever finds a log
 * that was not written to its end can write it.
 */
export function newEntries(before: Listed, after: Listed): LogEntry[] {
  return Object.entries(after)
    .map(([path, target]) => entryOf(path, target))
    .filter(({ path, digest }) => {
      const known = Object.hasOwn(before, path) ? before[path] : undefined
      return known === undefined || entryOf(path, known).digest !== digest
    })
    .sort((a, b) => compare(sortKey(a.path), sortKey(b.path)))
}

/** What the log says of a document that is listed. */
export function entryOf(path: string, { length, hashes }: TargetFile): LogEntry {
  return { path, length, digest: digestFromHex(hashes['sha256'] ?? '') }
}

/** Versions as numbers of one length. */
function sortKey(path: string): string {
  const version = /^releases\/(\d+)\.json$/.exec(path)?.[1]
  return version === undefined ? `1${path}` : `0${version.padStart(16, '0')}`
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
