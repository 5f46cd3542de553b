import { readVersion } from './release-name.ts'

/** `8` or `8,12`: versions of releases, each once, ascending. */
export function parseVersions(text: string): readonly number[] {
  return [...new Set(text.split(',').map((one) => readVersion(one.trim())))].sort((a, b) => a - b)
}
