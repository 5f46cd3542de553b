import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { problemCodes } from '../../src/server/problem.ts'

const root = resolve(import.meta.dirname, '../..')

function read(path: string): string {
  return readFileSync(resolve(root, path), 'utf8')
}

const code = '[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*'

/** The code of an error class of its own, the members of a union of codes, and codes that errors are made with. */
function codesIn(path: string): string[] {
  const text = read(path)
  const single = text.matchAll(new RegExp(`readonly code(?:: [^=]+)? = '(${code})'`, 'g'))
  const made = text.matchAll(new RegExp(`new \\w*Error\\(\\s*'(${code})'`, 'g'))
  const unions = text.match(/export type \w*Code\b[^=]*=(?:\s*\|?\s*'[A-Z0-9_]+'(?: *\/\/.*)?)+/g) ?? []
  const inUnions = unions.join('\n').matchAll(new RegExp(`^[^/]*?'(${code})'`, 'gm'))
  return [...single, ...made, ...inUnions].map((match) => match[1] ?? '')
}

function codesInSources(): Set<string> {
  const sources = globSync('{src,storage,manifests}/**/*.ts', { cwd: root })
  return new Set([...sources.flatMap(codesIn), ...problemCodes])
}

/** Codes are documented in the first column of a table. */
function codesInDocument(): string[] {
  return [...read('docs/errors.md').matchAll(new RegExp(`^\\| \`(${code})\` \\|`, 'gm'))].map(
    (match) => match[1] ?? '',
  )
}

test('docs/errors.md has every code of the sources, once', () => {
  const documented = codesInDocument()
  const sources = codesInSources()
  expect(sources.size).toBeGreaterThan(40)
  expect([...sources].filter((each) => !documented.includes(each))).toEqual([])
  expect(documented.filter((each, i) => documented.indexOf(each) !== i)).toEqual([])
})

test('docs/errors.md has no code that no source has', () => {
  const sources = codesInSources()
  expect(codesInDocument().filter((each) => !sources.has(each))).toEqual([])
})

interface Description {
  readonly components: {
    readonly schemas: {
      readonly Problem: { readonly properties: { readonly code: { readonly enum: string[] } } }
    }
    readonly responses: Readonly<Record<string, { readonly description: string }>>
  }
}

test('openapi.yaml has the codes of problem documents, each under a status', () => {
  const { components } = parse(read('openapi.yaml')) as Description
  expect(components.schemas.Problem.properties.code.enum.toSorted()).toEqual([...problemCodes].sort())
  const described = Object.values(components.responses).map(({ description }) => description)
  // A request that never arrived whole belongs to no route.
  const ofRoutes = problemCodes.filter((each) => each !== 'REQUEST_TIMEOUT')
  for (const each of ofRoutes) expect(described.some((text) => text.includes(each))).toBe(true)
})
