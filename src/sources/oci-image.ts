import { createHash } from 'node:crypto'
import type { ImageBlobs } from './oci-blobs.ts'
import { chooseManifest, type ImageChoice } from './oci-choose.ts'
import type { ImageFile } from './oci-files.ts'
import { isPlatform, showPlatform, type ImagePlatform } from './oci-platform.ts'
import { ImageChoiceError } from './oci-choice-error.ts'
import {
  configSchema,
  indexSchema,
  layoutSchema,
  manifestSchema,
  mediaKindOf,
  type ImageConfig,
  type ImageDescriptor,
} from './oci-schemas.ts'

/** An image before its layers are read. */
export interface FoundImage {
  /** Of its manifest, or, where there is none, of its configuration. */
  readonly digest: string
  /** The configuration's bytes. */
  readonly config: Buffer
  readonly platform: ImagePlatform
  /** From the lowest on. */
  readonly layers: readonly FoundLayer[]
}

export interface FoundLayer {
  readonly file: ImageFile
  /** Of its archive when it is not compressed. */
  readonly diffId: string
}

/** No image that a runtime could mount has nearly as many. */
const maxLayers = 1000

const imageLayoutVersion = /^1\./

/** The image of an OCI image layout, every blob of it checked. Throws ImageChoiceError, SourceError. */
export async function findOciImage(blobs: ImageBlobs, choice: ImageChoice): Promise<FoundImage> {
  const layout = await blobs.named('oci-layout', layoutSchema)
  if (layout !== undefined && !imageLayoutVersion.test(layout.value.imageLayoutVersion)) {
    throw blobs.error('SOURCE_UNSUPPORTED', 'oci-layout', 'is of a version that is not read; it must be 1')
  }
  const index = await blobs.named('index.json', indexSchema)
  if (index === undefined) throw blobs.error('SOURCE_DAMAGED', 'index.json', 'is missing')
  const descriptor = await chooseManifest(blobs, index.value.manifests, choice)
  const { value: manifest } = await blobs.document(descriptor, manifestSchema, 'manifest')
  refuseOtherKinds(blobs, manifest.config, manifest.layers)
  const { bytes, value } = await blobs.document(manifest.config, configSchema, 'configuration')
  const diffIds = checkConfig(blobs, value, manifest.layers.length, choice)
  const layers: FoundLayer[] = []
  for (const [i, layer] of manifest.layers.entries()) {
    layers.push({ file: await blobs.check(layer), diffId: diffIds[i] ?? '' })
  }
  return { digest: descriptor.digest, config: bytes, platform: platformOf(value), layers }
}

/**
 * The digests of the layers' archives, after a look at what kind of image it is. Throws SourceError, and
 * ImageChoiceError when it is for another platform than was asked for.
 */
export function checkConfig(
  blobs: ImageBlobs,
  config: ImageConfig,
  layerCount: number,
  { platform }: ImageChoice,
): readonly string[] {
  if (layerCount > maxLayers) {
    throw blobs.error('SOURCE_TOO_LARGE', undefined, `has ${layerCount} layers; the limit is ${maxLayers}`)
  }
  if (config.os !== 'linux') {
    throw blobs.error(
      'SOURCE_UNSUPPORTED',
      undefined,
      `is an image for ${JSON.stringify(config.os)}, and not for linux`,
    )
  }
  const found = platformOf(config)
  if (platform !== undefined && !isPlatform(found, platform)) {
    throw new ImageChoiceError(
      'IMAGE_UNKNOWN',
      `${blobs.source} has no image for ${showPlatform(platform)}`,
      `it has one for ${showPlatform(found)}`,
    )
  }
  const diffIds = config.rootfs.diff_ids ?? []
  if (diffIds.length === layerCount) return diffIds
  const problem = `has ${layerCount} layers by its manifest, and ${diffIds.length} by its configuration`
  throw blobs.error('SOURCE_DAMAGED', undefined, problem)
}

export function platformOf({ os, architecture, variant }: ImageConfig): ImagePlatform {
  return { os, architecture, ...(variant !== undefined && variant !== '' && { variant }) }
}

/** Passes a layer's archive on; at its end throws SourceError when it is not the one that the configuration names. */
export async function* checkedArchive(
  plain: AsyncIterable<Uint8Array>,
  diffId: string,
  blobs: ImageBlobs,
  layer: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const algorithm = diffId.startsWith('sha512:') ? 'sha512' : 'sha256'
  const hash = createHash(algorithm)
  for await (const piece of plain) {
    hash.update(piece)
    yield piece
  }
  const found = `${algorithm}:${hash.digest('hex')}`
  if (found === diffId) return
  const problem = `unpacks to ${found}, and the configuration says ${diffId.slice(0, 200)}`
  throw blobs.error('SOURCE_DAMAGED', layer, problem)
}

function refuseOtherKinds(
  blobs: ImageBlobs,
  config: ImageDescriptor,
  layers: readonly ImageDescriptor[],
): void {
  const show = ({ mediaType }: ImageDescriptor): string => JSON.stringify(mediaType.slice(0, 200))
  if (mediaKindOf(config.mediaType) !== 'config') {
    const problem = `is something else than an image: its configuration is of the media type ${show(config)}`
    throw blobs.error('SOURCE_UNSUPPORTED', undefined, problem)
  }
  for (const layer of layers) {
    const kind = mediaKindOf(layer.mediaType)
    if (kind === 'layer') continue
    const problem =
      kind === 'foreign layer'
        ? 'is a foreign layer, which whoever made it does not let others distribute; images with such are not read'
        : `is a layer of the media type ${show(layer)}, which is not read`
    throw blobs.error('SOURCE_UNSUPPORTED', layer.digest.slice(0, 200), problem)
  }
}
