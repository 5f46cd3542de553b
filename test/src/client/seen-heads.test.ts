import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { keepSeenHead, seenHeads, signedHead, writeSeenHeads } from '../../../src/client/seen-heads.ts'
import type { LogHead } from '../../../src/transparency/log-head.ts'

let trust: string
let fetched: string

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), 'vend-heads-'))
  trust = join(directory, 'trust')
  fetched = join(directory, 'fetched')
  for (const path of [trust, fetched]) mkdirSync(path)
  onTestFinished(() => rmSync(directory, { recursive: true }))
})

function head(size: number, seed = 'x'): LogHead {
  return { origin: 'vend-repository/1', size, root: digestOf(Buffer.from(`${seed}${size}`)) }
}

function write(directory: string, log: LogHead | undefined, keyids: readonly string[] = ['a']): void {
  writeFileSync(join(directory, 'snapshot.json'), JSON.stringify({ signed: { log } }))
  writeFileSync(join(directory, 'root.json'), JSON.stringify({ signed: { roles: { snapshot: { keyids } } } }))
}

/** What TrustedRepository does with metadata that it has verified. */
function see(log: LogHead | undefined, keyids?: readonly string[]): void {
  write(fetched, log, keyids)
  keepSeenHead(fetched, trust)
  write(trust, log, keyids)
}

test('heads are remembered in order, each once', () => {
  for (const size of [1, 1, 2, 5]) see(head(size))
  expect(seenHeads(trust)).toEqual([head(1), head(2), head(5)])
  expect(signedHead(trust)).toEqual(head(5))
})

test('a machine that knows no log yet takes the first that it sees, and none while there is none', () => {
  expect(signedHead(trust)).toBeUndefined()
  see(undefined)
  expect(seenHeads(trust)).toEqual([])
  see(head(3))
  expect(seenHeads(trust)).toEqual([head(3)])
})

test.each([
  ['that is shorter', head(4), 'has shrunk from 5 entries to 4'],
  ['with another root', head(5, 'y'), 'two roots at 5'],
  ['of another name', { ...head(9), origin: 'vend-repository/2' }, 'is another one'],
  ['that is gone', undefined, 'is gone'],
])('a log %s is refused, and nothing of it is remembered', (_, other, problem) => {
  see(head(5))
  expect(() => {
    see(other)
  }).toThrow(problem)
  expect(seenHeads(trust)).toEqual([head(5)])
})

test('a root that replaces the keys of the snapshot frees the machine of what the old ones signed', () => {
  see(head(9, 'forged'), ['stolen'])
  see(head(5), ['new'])
  // For the audit, which names the fork.
  expect(seenHeads(trust)).toEqual([head(9, 'forged'), head(5)])
})

test('so it does when that root was kept by a refresh that failed', () => {
  see(head(9, 'forged'), ['stolen'])
  write(trust, head(9, 'forged'), ['new'])
  see(head(5), ['new'])
  expect(seenHeads(trust)).toEqual([head(9, 'forged'), head(5)])
})

test('a head that is none is refused', () => {
  writeFileSync(join(fetched, 'snapshot.json'), JSON.stringify({ signed: { log: 'nonsense' } }))
  writeFileSync(join(fetched, 'root.json'), '{}')
  expect(() => keepSeenHead(fetched, trust)).toThrow(expect.objectContaining({ code: 'UNTRUSTED' }))
})

test('the first and the latest heads are kept when there are very many', () => {
  writeSeenHeads(
    trust,
    Array.from({ length: 400 }, (_, i) => head(i)),
  )
  const sizes = seenHeads(trust).map(({ size }) => size)
  expect([sizes.length, sizes[0], sizes[1], sizes.at(-1)]).toEqual([256, 0, 145, 399])
})

test('a damaged record stops an audit and no update', () => {
  see(head(1))
  const path = join(trust, 'log-heads')
  writeFileSync(path, readFileSync(path).subarray(0, 20))
  expect(() => seenHeads(trust)).toThrow(`${path} is damaged`)
  see(head(2))
  expect(seenHeads(trust)).toEqual([head(2)])
})
