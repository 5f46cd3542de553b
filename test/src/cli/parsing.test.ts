import { expect, test } from 'vitest'
import { describeEntry } from '../../../src/cli/describe-entry.ts'
import { parseModulesName } from '../../../src/cli/modules-name.ts'
import { parseDuration } from '../../../src/cli/parse-duration.ts'
import { parseReason } from '../../../src/cli/parse-reason.ts'
import { parseRollout } from '../../../src/cli/parse-rollout.ts'
import { parseInclude, parsePrefix, parseSource } from '../../../src/cli/parse-sources.ts'
import { parseReleaseName } from '../../../src/cli/release-name.ts'
import { suggestName } from '../../../src/suggest-name.ts'
import { isBelow, isWanted, parseWantedPath } from '../../../src/cli/wanted-path.ts'
import type { Entry } from '../../../manifests/entry.ts'
import { treePathFromBytes, treePathFromText } from '../../../manifests/tree-path.ts'

test('a prefix is a module and an absolute directory', () => {
  expect(parsePrefix('app=/usr/lib/app/')).toEqual({ module: 'app', prefix: 'usr/lib/app' })
  expect(() => parsePrefix('app=usr')).toThrow('write app=/usr/lib/app')
  expect(() => parsePrefix('/usr')).toThrow('write app=/usr/lib/app')
  expect(() => parsePrefix('app=/usr/../etc')).toThrow('has the component ".."')
})

test('numbers are versions, everything else is a channel', () => {
  expect(parseReleaseName('10')).toEqual({ kind: 'version', version: 10 })
  expect(parseReleaseName('stable')).toEqual({ kind: 'channel', channel: 'stable' })
  expect(parseReleaseName('10.1')).toEqual({ kind: 'channel', channel: '10.1' })
  expect(() => parseReleaseName('010')).toThrow('"010" is not a version: versions are positive integers')
  expect(() => parseReleaseName('Stable')).toThrow('"Stable" is not a name')
})

test('a module follows a colon', () => {
  expect(parseModulesName('10:base')).toEqual({ release: { kind: 'version', version: 10 }, module: 'base' })
  expect(() => parseModulesName('10:')).toThrow('is not a name')
})

test.each([
  ['10%', 1000],
  ['0.25 %', 25],
  ['100%', 10_000],
  ['0%', 0],
  ['33.33%', 3333],
])('the rollout %s', (text, fraction) => {
  expect(parseRollout(text)).toBe(fraction)
})

test.each(['10', '101%', '-1%', '1e1%', '0.001%', '%', ''])('no rollout: %j', (text) => {
  expect(() => parseRollout(text)).toThrow('is not a share of the fleet; write 10%')
})

test.each([
  ['90s', 90],
  ['30m', 1800],
  ['48h', 172_800],
  ['7 d', 604_800],
])('the time %s', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds)
})

test.each(['48', '0h', '-1h', '1.5h', '367d', 'h', '1w', ''])('no time: %j', (text) => {
  expect(() => parseDuration(text)).toThrow('is not a time; write 30m, 48h or 7d')
})

test('a reason is one line that says something', () => {
  expect(parseReason(' web servers do not start ')).toBe('web servers do not start')
  for (const text of ['', '  ', 'a\nb', '\u001b[2J', 'x'.repeat(201), '\ud800']) {
    expect(() => parseReason(text), JSON.stringify(text)).toThrow(/says nothing|line|longer|surrogate/)
  }
})

test('sources and includes', () => {
  expect(parseSource('base=./tree')).toEqual({ module: 'base', tree: './tree' })
  expect(parseSource('./a=b')).toEqual({ module: undefined, tree: './a=b' })
  expect(parseSource('base=a=b')).toEqual({ module: 'base', tree: 'a=b' })
  expect(parseSource('tar:a=b')).toEqual({ module: undefined, tree: 'tar:a=b' })
  expect(parseSource('base=oci:layout:tag')).toEqual({ module: 'base', tree: 'oci:layout:tag' })
  expect(() => parseSource('Base=tree')).toThrow('"Base" is not a name')
  expect(() => parseSource('base=')).toThrow('a directory or archive is missing')
  expect(parseInclude('web=base,tools')).toEqual({ module: 'web', includes: ['base', 'tools'] })
  expect(() => parseInclude('web')).toThrow('write web=base,tools')
})

test('what was most likely meant', () => {
  expect(suggestName('VEND_STOER', ['VEND_STORE', 'VEND_KEYS'])).toBe('; did you mean VEND_STORE?')
  expect(suggestName('colour', ['store', 'keys'])).toBe('')
})

test('a path may be named as it is shown', () => {
  const odd = treePathFromBytes(Buffer.from([0x61, 0x2f, 0xff]))
  expect(isWanted(odd, parseWantedPath(String.raw`/a/\xff`))).toBe(true)
  expect(isWanted(treePathFromText('a/é'), parseWantedPath('a/é'))).toBe(true)
  expect(isBelow(odd, parseWantedPath('/a/'), { directly: true })).toBe(true)
  expect(isBelow(odd, parseWantedPath('/'), { directly: true })).toBe(false)
  expect(isBelow(odd, parseWantedPath('/'), { directly: false })).toBe(true)
  expect(isBelow(treePathFromText('ab'), parseWantedPath('a'), { directly: false })).toBe(false)
  expect(() => parseWantedPath('a/../b')).toThrow('has the component ".."')
})

const owned = { uid: 0, gid: 50, mtime: { seconds: 0, nanos: 0 }, xattrs: new Map<string, Uint8Array>() }
const metadata = { ...owned, mode: 0o6755 }

test.each<[Entry, RegExp]>([
  [
    { type: 'directory', path: treePathFromText('d'), ...metadata, mode: 0o1776 },
    /^drwxrwxrwT +0:50 +- {2}1970-01-01 00:00 {2}\/d$/,
  ],
  [{ type: 'fifo', path: treePathFromText('p'), ...metadata }, /^prwsr-sr-x .*\/p$/],
  [
    { type: 'symlink', path: treePathFromText('l'), ...owned, target: '/a\u00FF' },
    /^lrwxrwxrwx .*\/l -> \/a\\xff$/,
  ],
  [{ type: 'hardlink', path: treePathFromText('h'), target: treePathFromText('a') }, /^h-{9} +\/h is \/a$/],
  [
    { type: 'block', path: treePathFromText('b'), ...metadata, device: { major: 8, minor: 1 } },
    /^brwsr-sr-x .* 8, 1 .*\/b$/,
  ],
])('a line as of ls -l', (entry, pattern) => {
  expect(describeEntry(entry)).toMatch(pattern)
})
