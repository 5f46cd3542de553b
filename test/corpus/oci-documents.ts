import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { BadSource } from './bad-source.ts'
import { badImage, good, zeros } from './oci-bad-image.ts'
import { withLayer } from './oci-blobs.ts'
import {
  configType,
  indexType,
  layerType,
  manifestType,
  tagged,
  type DescriptorRecipe,
  type ImageMaker,
} from './oci-maker.ts'

const refused = 'SOURCE_REFUSED'
const damaged = 'SOURCE_DAMAGED'
const unsupported = 'SOURCE_UNSUPPORTED'
const tooLarge = 'SOURCE_TOO_LARGE'

function nestedIndexes(maker: ImageMaker, depth: number): DescriptorRecipe {
  let inner = maker.image([maker.layer(good)])
  for (let i = 0; i < depth; i++) inner = maker.json({ schemaVersion: 2, manifests: [inner] }, indexType)
  return inner
}

/** Indexes, manifests and configurations. */
export const badDocuments: readonly BadSource[] = [
  badImage('no index', () => undefined, damaged, 'index.json in', 'is missing'),
  badImage(
    'an index that is no JSON',
    (maker) => maker.file('index.json', '{'),
    damaged,
    'index.json in',
    'is no JSON',
  ),
  badImage(
    'an index without manifests',
    (maker) => maker.file('index.json', '{"schemaVersion":2}'),
    damaged,
    'index.json in',
    'manifests',
  ),
  badImage(
    'an index of a size that is no number',
    (maker) =>
      maker.file('index.json', `{"schemaVersion":2,"manifests":[{"mediaType":"m","digest":"d","size":-1}]}`),
    damaged,
    'index.json in',
    'manifests.0.size',
  ),
  badImage(
    'an index of 5 MiB',
    (maker) => maker.file('index.json', ' '.repeat(5 << 20)),
    tooLarge,
    'index.json in',
    'has 5242880 bytes',
  ),
  badImage(
    'a manifest of a terabyte',
    (maker) => maker.index({ ...maker.image([maker.layer(good)]), size: 2 ** 40 }),
    tooLarge,
    'has 1099511627776 bytes',
  ),
  badImage(
    'a layout of version 2',
    (maker) => {
      maker.index(maker.image([]))
      maker.file('oci-layout', '{"imageLayoutVersion":"2.0.0"}')
    },
    unsupported,
    'oci-layout in',
    'of a version that is not read',
  ),
  badImage(
    'an index that holds itself',
    (maker) => {
      const inner = { ...maker.image([]), mediaType: indexType, digest: zeros, size: 2 }
      const text = JSON.stringify({ schemaVersion: 2, manifests: [inner] })
      maker.file(`blobs/sha256/${zeros.slice(7)}`, text)
      maker.index({ ...inner, size: text.length })
    },
    damaged,
    'its bytes were changed',
  ),
  badImage(
    'indexes in indexes',
    (maker) => maker.index(nestedIndexes(maker, 6)),
    refused,
    'indexes in indexes, more than 4 deep',
  ),
  badImage(
    'an index of something else than images',
    (maker) => maker.index({ ...maker.image([]), mediaType: 'text/plain' }),
    unsupported,
    'media type "text/plain", which is no image',
  ),
  badImage(
    'a configuration that is no JSON',
    (maker) => {
      const config = maker.blob(Buffer.from('not json'), configType)
      maker.index(maker.image([], { manifest: { config } }))
    },
    damaged,
    'configuration sha256:',
    'is no JSON',
  ),
  badImage(
    'a configuration without a root file system',
    (maker) => maker.index(maker.image([], { config: { rootfs: undefined } })),
    damaged,
    'configuration sha256:',
    'rootfs',
  ),
  badImage(
    'a configuration of other media type',
    (maker) => {
      const config = maker.json({}, 'application/vnd.example.chart.v1+json')
      maker.index(maker.image([], { manifest: { config } }))
    },
    unsupported,
    'something else than an image',
    'vnd.example.chart',
  ),
  badImage(
    'an image for Windows',
    (maker) => maker.index(maker.image([], { config: { os: 'windows' } })),
    unsupported,
    'is an image for "windows"',
  ),
  badImage(
    'more layers than digests of them',
    (maker) =>
      maker.index(maker.image([maker.layer(good)], { config: { rootfs: { type: 'layers', diff_ids: [] } } })),
    damaged,
    'has 1 layers by its manifest, and 0 by its configuration',
  ),
  badImage(
    'fewer layers than digests of them',
    (maker) =>
      maker.index(maker.image([], { config: { rootfs: { type: 'layers', diff_ids: [zeros, zeros] } } })),
    damaged,
    'has 0 layers by its manifest, and 2 by its configuration',
  ),
  badImage(
    'two thousand layers',
    (maker) => maker.index(maker.image(Array.from({ length: 2000 }, () => maker.layer(good)))),
    tooLarge,
    'has 2000 layers',
  ),
  badImage(
    'a foreign layer',
    (maker) =>
      withLayer(maker, {
        mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
        urls: ['https://example.org/layer'],
      }),
    unsupported,
    'is a foreign layer',
  ),
  badImage(
    'a layer of an unknown media type',
    (maker) => withLayer(maker, { mediaType: `${layerType}+encrypted` }),
    unsupported,
    '+encrypted", which is not read',
  ),
  badImage(
    'a manifest that is an index',
    (maker) => {
      const index = maker.json({ schemaVersion: 2, manifests: [] }, manifestType)
      maker.index(index)
    },
    damaged,
    'manifest sha256:',
    'config',
  ),
  badImage(
    'two images without saying which',
    (maker) => maker.index(tagged(maker.image([]), 'one'), tagged(maker.image([maker.layer(good)]), 'two')),
    'IMAGE_UNCLEAR',
    'has 2 images, and no tag says which',
  ),
  {
    ...badImage(
      'neither a layout nor an archive of Docker',
      (maker) => {
        rmSync(join(maker.directory, 'oci-layout'))
      },
      unsupported,
      'is no container image',
    ),
  },
]
