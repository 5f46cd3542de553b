import type { Release } from '../../manifests/release.ts'

/** Of all modules together. */
export function releaseTotals({ modules }: Pick<Release, 'modules'>): {
  readonly entries: number
  readonly contentBytes: number
} {
  const all = Object.values(modules)
  return {
    entries: all.reduce((sum, { entries }) => sum + entries, 0),
    contentBytes: all.reduce((sum, { contentBytes }) => sum + contentBytes, 0),
  }
}
