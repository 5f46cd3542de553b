import type { SourceEntry } from '../../manifests/entry.ts'

/** The entry with an mtime of at most `seconds` since 1970 (SOURCE_DATE_EPOCH): a later one becomes it. */
export function clampMtime<E extends SourceEntry>(entry: E, seconds: number): E {
  if (entry.type === 'hardlink') return entry
  const { mtime } = entry
  const isLater = mtime.seconds > seconds || (mtime.seconds === seconds && mtime.nanos > 0)
  return isLater ? { ...entry, mtime: { seconds, nanos: 0 } } : entry
}
