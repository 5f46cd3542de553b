import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestOf } from '../../manifests/digest.ts'
import type { BadSource } from './bad-source.ts'
import { good, zeros } from './oci-bad-image.ts'
import { tarOf, type MemberRecipe } from './tar-maker.ts'

const refused = 'SOURCE_REFUSED'
const damaged = 'SOURCE_DAMAGED'
const unsupported = 'SOURCE_UNSUPPORTED'
const conflict = 'SOURCE_CONFLICT'

const link = (path: string, target: string): MemberRecipe => ({ path, type: '2', link: target })

function badArchive(
  name: string,
  members: readonly MemberRecipe[],
  code: string,
  ...says: readonly string[]
): BadSource {
  return {
    name,
    make: (at) => {
      writeFileSync(join(at, 'image.tar'), tarOf(members))
      return `docker-archive:${join(at, 'image.tar')}`
    },
    code,
    says,
  }
}

function dockerArchive(changes: {
  readonly manifest?: unknown
  readonly config?: unknown
  readonly configName?: string
}): MemberRecipe[] {
  const layer = tarOf(good)
  const config = JSON.stringify(
    changes.config ?? {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    },
  )
  const name = changes.configName ?? `${digestOf(Buffer.from(config)).slice(7)}.json`
  const manifest = changes.manifest ?? [{ Config: name, RepoTags: ['a:b'], Layers: ['layer.tar'] }]
  return [
    { path: name, content: config },
    { path: 'layer.tar', content: layer },
    { path: 'manifest.json', content: JSON.stringify(manifest) },
  ]
}

/** What `docker save` would not write. */
export const badImageArchives: readonly BadSource[] = [
  badArchive('an archive of no image', [{ path: 'a' }], unsupported, 'is no container image'),
  badArchive(
    'an archive with a member twice',
    [{ path: 'a' }, { path: 'a' }],
    conflict,
    'a in',
    'comes twice',
  ),
  badArchive(
    'an archive with a device',
    [{ path: 'a', type: '3' }],
    refused,
    'nothing that an image is made of',
  ),
  badArchive(
    'an archive with links in a circle',
    [link('manifest.json', 'b'), link('b', 'manifest.json')],
    refused,
    'manifest.json in',
    'circle of links',
  ),
  badArchive(
    'an archive that names a file of this machine',
    dockerArchive({ manifest: [{ Config: '../../../../etc/passwd', Layers: [] }] }),
    refused,
    '../../../../etc/passwd in',
    'leads up',
  ),
  badArchive(
    'an archive that links to a file of this machine',
    [link('c.json', '/etc/passwd'), ...dockerArchive({ manifest: [{ Config: 'c.json', Layers: [] }] })],
    damaged,
    'c.json in',
    'is missing',
  ),
  badArchive(
    'an archive with a configuration of another digest',
    dockerArchive({ configName: `${'0'.repeat(64)}.json` }),
    damaged,
    'its bytes were changed',
  ),
  badArchive(
    'an archive without a layer of its image',
    dockerArchive({}).filter(({ path }) => path !== 'layer.tar'),
    damaged,
    'layer.tar in',
    'is missing',
  ),
  badArchive(
    'an archive with a layer of another digest',
    dockerArchive({
      config: { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [zeros] } },
    }),
    damaged,
    'layer 1 of 1',
    `the configuration says ${zeros}`,
  ),
  badArchive(
    'an archive of several images',
    dockerArchive({
      manifest: [
        { Config: 'a', RepoTags: ['a:1'], Layers: [] },
        { Config: 'b', RepoTags: ['b:1'], Layers: [] },
      ],
    }),
    'IMAGE_UNCLEAR',
    'has 2 images',
  ),
]
