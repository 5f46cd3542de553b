import { compareEntries } from './compare-entry.ts'
import type { PathGroup } from './merge-entries.ts'

/**
 * What is wrong with a path that several modules have; undefined when it is the same directory, but for its mtime, in
 * each (format §8.3). Reads on from the modules' names.
 */
export function overlapIn({ items }: PathGroup): string | undefined {
  const entries = items.flatMap((item) => item?.entry ?? [])
  const [first, ...others] = entries
  if (first === undefined || others.length === 0) return undefined
  const directories = entries.filter(({ type }) => type === 'directory')
  if (directories.length < entries.length) return 'and is not a directory in each'
  const differences = new Set(others.flatMap((other) => compareEntries(first, other)))
  differences.delete('mtime')
  if (differences.size === 0) return undefined
  return `with another ${[...differences].join(', ')} in each`
}
