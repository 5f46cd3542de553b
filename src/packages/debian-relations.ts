import type { Provision, Relation, VersionConstraint } from './package-database.ts'

const relationPattern =
  /^([A-Za-z0-9][A-Za-z0-9+.-]*)(?::([a-z0-9-]+))?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s)]+)\s*\))?$/

const operators: Readonly<Record<string, VersionConstraint['operator']>> = {
  '<<': '<',
  '<=': '<=',
  '=': '=',
  '>=': '>=',
  '>>': '>',
  // Deprecated spellings, which dpkg reads so.
  '<': '<=',
  '>': '>=',
}

/** Of `a | b (>= 1), c`: all of these, and of each any alternative. Throws what it cannot read. */
export function parseDebianRelations(field: string | undefined): Relation[][] {
  return partsOf(field, ',').map((group) => partsOf(group, '|').map(parseRelation))
}

/** Of `a, b (= 1)`. */
export function parseDebianProvides(field: string | undefined): Provision[] {
  return partsOf(field, ',').map((text) => {
    const { name, constraint } = parseRelation(text)
    return { name, version: constraint?.version }
  })
}

function parseRelation(text: string): Relation {
  const [, name, architecture, operator, version] = relationPattern.exec(text) ?? []
  if (name === undefined) throw new Error(`${JSON.stringify(text)} is not a relation to a package`)
  const known = operator === undefined ? undefined : operators[operator]
  const constraint = known === undefined || version === undefined ? undefined : { operator: known, version }
  return { name, architecture, constraint, text }
}

function partsOf(field: string | undefined, separator: string): string[] {
  return (field ?? '')
    .split(separator)
    .map((part) => part.trim().replaceAll(/\s+/g, ' '))
    .filter((part) => part !== '')
}
