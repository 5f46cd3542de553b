import type { VersionConstraint } from './package-database.ts'

/** `compare` is negative, zero or positive, as for a sort. */
export function satisfiesConstraint(
  version: string,
  { operator, version: wanted }: VersionConstraint,
  compare: (a: string, b: string) => number,
): boolean {
  const order = compare(version, wanted)
  switch (operator) {
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '=':
      return order === 0
    case '>=':
      return order >= 0
    case '>':
      return order > 0
  }
}
