import { globSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { exitCodeNameOf, exitCodes, isKnownError } from '../../../src/cli/exit-codes.ts'

const root = new URL('../../../', import.meta.url).pathname

/** Every error code that the sources define: members of a `…ErrorCode` union, and `readonly code = '…'`. */
function definedCodes(): string[] {
  const files = globSync('{storage,manifests,src}/**/*.ts', { cwd: root })
  const codes = files.flatMap((file) => {
    const text = readFileSync(root + file, 'utf8')
    const unions = [...text.matchAll(/export type \w+ErrorCode =\n((?: {2}\| '[A-Z_]+'.*\n?)+)/g)]
    const members = [
      ...unions
        .map(([, body]) => String(body))
        .join('')
        .matchAll(/\| '([A-Z_]+)'/g),
    ]
    return [...members, ...text.matchAll(/readonly code = '([A-Z_]+)'/g)].map(([, code]) => String(code))
  })
  return [...new Set(codes)].sort()
}

function errorOf(code: string): Error {
  return Object.assign(new Error('a problem'), { code })
}

test('the sources define error codes', () => {
  expect(definedCodes().length).toBeGreaterThan(40)
  expect(definedCodes()).toContain('PUBLISH_CONFLICT')
  expect(definedCodes()).toContain('STORE_FULL')
})

test.each(definedCodes())('%s has an exit code', (code) => {
  expect(isKnownError(errorOf(code))).toBe(true)
})

test('what nobody has foreseen is internal', () => {
  expect(exitCodeNameOf(errorOf('NO_SUCH_CODE'))).toBe('internal')
  expect(exitCodeNameOf(new TypeError('x'))).toBe('internal')
  expect(exitCodeNameOf('a text')).toBe('internal')
})

test.each([
  ['REPOSITORY_MISSING', 3],
  ['PUBLISH_CONFLICT', 4],
  ['VERSION_EXISTS', 4],
  ['VERSION_NOT_INCREASING', 4],
  ['REPOSITORY_EXISTS', 4],
  ['CHANNEL_UNKNOWN', 5],
  ['ROOT_MISMATCH', 6],
  ['STORE_DENIED', 7],
  ['TREE_READ_FAILED', 8],
  ['REPOSITORY_CORRUPT', 9],
  ['INTERRUPTED', 130],
])('%s ends with %i', (code, expected) => {
  expect(exitCodes[exitCodeNameOf(errorOf(code))].code).toBe(expected)
})

test('no number has two meanings', () => {
  const numbers = Object.values(exitCodes).map(({ code }) => code)
  expect(new Set(numbers).size).toBe(numbers.length)
})
