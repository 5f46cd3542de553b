import { comparePacmanVersions } from '../packages/compare-pacman-versions.ts'
import { satisfiesConstraint } from '../packages/satisfies-constraint.ts'

/** `name`, `name>=1.2`, `libz.so=1-64`: what a package needs (PKGBUILD(5), depends). */
export interface Dependency {
  readonly name: string
  readonly relation: Relation | undefined
  readonly version: string
}

type Relation = '<' | '<=' | '=' | '>=' | '>'

/** What a package is, or provides. Without a version it fulfils no dependency that asks for one. */
export interface Provision {
  readonly name: string
  readonly version: string | undefined
}

export function parseDependency(text: string): Dependency {
  const [, name = text, relation, version = ''] = /^([^<>=]+)(<=|>=|=|<|>)(.+)$/.exec(text) ?? []
  return { name, relation: relation as Relation | undefined, version }
}

export function parseProvision(text: string): Provision {
  const equals = text.indexOf('=')
  if (equals === -1) return { name: text, version: undefined }
  return { name: text.slice(0, equals), version: text.slice(equals + 1) }
}

export function fulfils(provision: Provision, { name, relation, version }: Dependency): boolean {
  if (provision.name !== name) return false
  if (relation === undefined) return true
  if (provision.version === undefined) return false
  return satisfiesConstraint(provision.version, { operator: relation, version }, comparePacmanVersions)
}
