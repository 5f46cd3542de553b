import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { digestOf } from '../../../manifests/digest.ts'
import {
  checkpointKey,
  chunkKey,
  leaseKey,
  logKey,
  manifestKey,
  metadataKey,
  targetKey,
  timestampKey,
} from '../../../src/repository/layout.ts'
import { servedObject } from '../../../src/server/served-object.ts'

const digest = digestOf(Buffer.from('x'))
const hex = digest.slice(7)
const other = '0'.repeat(64)

const publicKeys = [
  chunkKey(digest),
  manifestKey(digest),
  `packs/${hex}/${other}.pack`,
  `deltas/${hex}/${other}.delta`,
  timestampKey,
  ...['root', 'targets', 'releases', 'channels', 'snapshot'].map((role) => metadataKey(role, 17)),
  targetKey('releases/10.json', digest),
  targetKey('channels/stable-1.x.json', digest),
  checkpointKey,
  logKey('tile/0/000'),
  logKey('tile/entries/999'),
  logKey('tile/63/001.p/255'),
]

test.each(publicKeys)('%s is served', (key) => {
  expect(servedObject(`/${key}`)?.key).toBe(key)
})

test('tiles behind the thousandth have longer paths', () => {
  const served = servedObject('/log/tile/entries/x001/x234/067.p/8')
  expect(served).toMatchObject({ contentType: 'application/octet-stream' })
  expect(served?.caching).toContain('immutable')
})

test('the checkpoint is text that is to be asked for again', () => {
  expect(servedObject(`/${checkpointKey}`)).toMatchObject({
    contentType: 'text/plain; charset=utf-8',
    caching: 'public, no-cache',
  })
})

test.each([
  leaseKey(1, 'ab3'),
  'private/tmp/x',
  'private',
  '',
  'chunks',
  'chunks/',
  `chunks/${hex}.cacnk`,
  `chunks/0000/${hex}.cacnk`,
  `chunks/${hex.slice(0, 4)}/${hex.toUpperCase()}.cacnk`,
  `chunks/${hex.slice(0, 4)}/${hex}`,
  `${chunkKey(digest)}/`,
  `${chunkKey(digest)}.tmp`,
  `/${chunkKey(digest)}`,
  `./${chunkKey(digest)}`,
  `x/../${chunkKey(digest)}`,
  chunkKey(digest).replace('/', '%2f'),
  `${chunkKey(digest)}\n`,
  `${manifestKey(digest)}%00`,
  manifestKey(digest).replace('.zst', ''),
  'tuf/metadata/0.root.json',
  'tuf/metadata/01.root.json',
  'tuf/metadata/-1.root.json',
  'tuf/metadata/12345678901234567.root.json',
  'tuf/metadata/1.timestamp.json',
  'tuf/metadata/1.mallory.json',
  'tuf/metadata/timestamp.json.bak',
  `tuf/targets/releases/${hex}.stable.json`,
  `tuf/targets/channels/${hex}..json`,
  `tuf/targets/channels/${hex}./x.json`,
  // Not in the alphabet of keys.
  `tuf/targets/channels/${hex}.a+b.json`,
  `tuf/targets/other/${hex}.1.json`,
  'log',
  'log/',
  'log/checkpoint/',
  'log/tile/64/000',
  'log/tile/00/000',
  'log/tile/0/0000',
  'log/tile/0/x001',
  'log/tile/0/001/002',
  'log/tile/0/000.p/0',
  'log/tile/0/000.p/256',
  'log/tile/0/000.p/01',
  'log/tile/entries/000.p',
])('%j is not', (key) => {
  expect(servedObject(`/${key}`)).toBeUndefined()
})

interface Description {
  readonly paths: Readonly<Record<string, { readonly get?: { readonly tags: readonly string[] } }>>
  readonly components: {
    readonly parameters: Readonly<
      Record<string, { name: string; in: string; schema: { pattern?: string; $ref?: string } }>
    >
  }
}

test('openapi.yaml describes exactly the kinds of objects that are served', () => {
  const text = readFileSync(resolve(import.meta.dirname, '../../../openapi.yaml'), 'utf8')
  const { paths } = parse(text) as Description
  const described = Object.entries(paths)
    .filter(([, { get }]) => get?.tags.includes('objects') === true)
    .map(([path]) => new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{[^}]+\}/g, '[^/]+')}$`))
  for (const key of publicKeys) {
    expect(described.filter((path) => path.test(`/${key}`))).toHaveLength(1)
  }
  for (const path of described) expect(publicKeys.some((key) => path.test(`/${key}`))).toBe(true)
})
