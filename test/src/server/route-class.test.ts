import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { routeClasses, routeClassOf } from '../../../src/server/route-class.ts'

const description = parse(readFileSync(resolve(import.meta.dirname, '../../../openapi.yaml'), 'utf8')) as {
  readonly paths: Readonly<Record<string, unknown>>
}

test('every path of openapi.yaml has a class', () => {
  const paths = Object.keys(description.paths)
  expect(paths.length).toBeGreaterThan(20)
  expect(paths.filter((path) => routeClassOf(path) === 'other')).toEqual([])
})

test.each([
  ['/', 'other'],
  ['', 'other'],
  ['/v1', 'other'],
  ['/v1/', 'other'],
  ['/v1/nothing', 'other'],
  ['/v1x/releases', 'other'],
  ['/chunksx', 'other'],
  ['/chunks', 'chunks'],
  ['/v1/chunks', 'publishing'],
  ['/v1/releases/1', 'state'],
  ['/__proto__', 'other'],
  ['/v1/constructor', 'other'],
])('%s: %s', (path, route) => {
  expect(routeClassOf(path)).toBe(route)
  expect(routeClasses).toContain(route)
})
