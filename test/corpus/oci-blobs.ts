import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { tarOf } from './tar-maker.ts'
import type { BadSource } from './bad-source.ts'
import { badImage, good, zeros } from './oci-bad-image.ts'
import type { DescriptorRecipe, ImageMaker } from './oci-maker.ts'

const refused = 'SOURCE_REFUSED'
const damaged = 'SOURCE_DAMAGED'

/** The only layer is another one than its descriptor says. */
export function withLayer(maker: ImageMaker, changes: Partial<DescriptorRecipe>): void {
  maker.index(maker.image([maker.layer(good, changes)]))
}

/** Blobs that are not what refers to them says, or not where anything should lie. */
export const badBlobs: readonly BadSource[] = [
  badImage(
    'a layer of another digest',
    (maker) => {
      const { descriptor, diffId } = maker.layer(good)
      const other = tarOf([{ path: 'other' }])
      maker.file(
        `blobs/sha256/${descriptor.digest.slice(7)}`,
        Buffer.concat([other]).subarray(0, descriptor.size),
      )
      maker.index(maker.image([{ descriptor, diffId }]))
    },
    damaged,
    'has the digest sha256:',
    'its bytes were changed',
  ),
  badImage(
    'a layer of another size',
    (maker) => withLayer(maker, { size: 5 }),
    damaged,
    'and 5 by what refers to it',
  ),
  badImage(
    'a layer that unpacks to another digest',
    (maker) => {
      const { descriptor } = maker.layer(good)
      maker.index(maker.image([{ descriptor, diffId: zeros }]))
    },
    damaged,
    'layer 1 of 1',
    `the configuration says ${zeros}`,
  ),
  badImage(
    'a layer that is missing',
    (maker) => withLayer(maker, { digest: zeros }),
    damaged,
    '0'.repeat(64),
    'is missing',
  ),
  badImage(
    'a digest that is a path',
    (maker) => withLayer(maker, { digest: 'sha256:../../../../etc/passwd' }),
    refused,
    '"sha256:../../../../etc/passwd" is no digest',
  ),
  badImage(
    'an algorithm that is a path',
    (maker) => withLayer(maker, { digest: `../../etc:${'a'.repeat(64)}` }),
    refused,
    'is no digest that is known',
  ),
  badImage(
    'a digest of an unknown algorithm',
    (maker) => withLayer(maker, { digest: `md5:${'a'.repeat(32)}` }),
    refused,
    '"md5:aaaa',
  ),
  badImage(
    'a digest that is too short',
    (maker) => withLayer(maker, { digest: 'sha256:abc' }),
    refused,
    '"sha256:abc"',
  ),
  badImage(
    'a digest in capitals',
    (maker) => withLayer(maker, { digest: `sha256:${'A'.repeat(64)}` }),
    refused,
    '"sha256:AAAA',
  ),
  badImage(
    'a digest with a NUL byte',
    (maker) => withLayer(maker, { digest: `sha256:${'a'.repeat(63)}\0` }),
    refused,
    String.raw`\u0000" is no digest`,
  ),
  badImage(
    'a blob that is a directory',
    (maker) => {
      const { descriptor, diffId } = maker.layer(good)
      const path = join(maker.directory, 'blobs/sha256', descriptor.digest.slice(7))
      rmSync(path)
      mkdirSync(path)
      maker.index(maker.image([{ descriptor, diffId }]))
    },
    refused,
    'is not a regular file',
  ),
]
