import { expect, test } from 'vitest'
import { checkOperations } from './check-operations.ts'
import type { VisibleState } from './ground-truth.ts'
import type { Operation } from './operation.ts'
import type { Commit } from './reachability-checker.ts'

function operation(change: Partial<Operation> = {}): Operation {
  return { kind: 'publish', name: 'p', begun: 10, ended: 20, outcome: 'done', version: 1, ...change }
}

function commit(step: number, of: Operation | undefined, releases: readonly number[]): Commit {
  const state: VisibleState = {
    timestamp: step,
    snapshot: step,
    releases: new Map(releases.map((version) => [version, `digest ${version}`])),
    channels: new Map(),
    channelVersions: new Map(),
    needed: new Map(),
  }
  return { step, operation: of, state }
}

const empty = commit(0, undefined, [])

test('a publish that became visible once, between its call and its return, is fine', () => {
  const own = operation()
  expect(() => checkOperations([own], [empty, commit(15, own, [1])])).not.toThrow()
})

test.each<[string, Partial<Operation>, number, string]>([
  ['too late', {}, 25, 'outside 10 to 20'],
  ['too early', {}, 5, 'outside 10 to 20'],
  ['and was told of a conflict', { outcome: 'conflict' }, 15, 'was told "conflict", and is visible'],
  ['and was refused', { outcome: 'refused' }, 15, 'was told "refused", and is visible'],
])('a publish that became visible %s is none', (_, change, step, problem) => {
  const own = operation(change)
  expect(() => checkOperations([own], [empty, commit(step, own, [1])])).toThrow(problem)
})

test('what nobody knows may have become visible at any time, or never', () => {
  const own = operation({ outcome: 'unknown' })
  expect(() => checkOperations([own], [empty])).not.toThrow()
  expect(() => checkOperations([own], [empty, commit(500, own, [1])])).not.toThrow()
})

test('a publish that is told done must be there, by itself or by a twin', () => {
  const own = operation()
  expect(() => checkOperations([own], [empty])).toThrow('is not visible')
  const twin = operation({ name: 'q' })
  expect(() => checkOperations([own, twin], [empty, commit(15, twin, [1])])).not.toThrow()
})

test('a release that is told to be there already must have been, at some time of the call', () => {
  const found = operation({ outcome: 'found' })
  const other = operation({ name: 'q', begun: 0, ended: 9 })
  expect(() => checkOperations([found, other], [empty, commit(5, other, [1])])).not.toThrow()
  expect(() => checkOperations([found], [empty])).toThrow('was not')
})

test('a commit that drops what another has published is a lost update', () => {
  const [one, two] = [operation(), operation({ name: 'q', version: 2 })]
  const commits = [empty, commit(12, one, [1]), commit(15, two, [2])]
  expect(() => checkOperations([one, two], commits)).toThrow('changed release 1')
})

test('only a collection takes releases off the list', () => {
  const one = operation()
  const collection = operation({ kind: 'collect', name: 'c', version: undefined })
  const commits = [empty, commit(12, one, [1]), commit(15, collection, [])]
  expect(() => checkOperations([one, collection], commits)).not.toThrow()
  const adding = [empty, commit(12, one, [1]), commit(15, collection, [1, 2])]
  expect(() => checkOperations([one, collection], adding)).toThrow('collect')
})
