import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { digestOf } from '../../manifests/digest.ts'
import { tarOf, type MemberRecipe } from './tar-maker.ts'

/** Makes image layouts document by document, also such as no program would: for tests only. */

export interface DescriptorRecipe {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly platform?: Readonly<Record<string, string>>
  readonly urls?: readonly string[]
}

export interface LayerRecipe {
  readonly descriptor: DescriptorRecipe
  readonly diffId: string
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json'
export const indexType = 'application/vnd.oci.image.index.v1+json'
export const configType = 'application/vnd.oci.image.config.v1+json'
export const layerType = 'application/vnd.oci.image.layer.v1.tar'

export class ImageMaker {
  readonly directory: string

  /** `directory`: made if it is not there. */
  constructor(directory: string) {
    this.directory = directory
    mkdirSync(join(directory, 'blobs/sha256'), { recursive: true })
    this.file('oci-layout', '{"imageLayoutVersion":"1.0.0"}')
  }

  file(name: string, content: string | Uint8Array): void {
    writeFileSync(join(this.directory, name), content)
  }

  blob(bytes: Uint8Array, mediaType: string): DescriptorRecipe {
    const digest = digestOf(bytes)
    this.file(`blobs/sha256/${digest.slice(7)}`, bytes)
    return { mediaType, digest, size: bytes.length }
  }

  json(value: unknown, mediaType: string): DescriptorRecipe {
    return this.blob(Buffer.from(JSON.stringify(value)), mediaType)
  }

  layer(members: readonly MemberRecipe[], changes: Partial<DescriptorRecipe> = {}): LayerRecipe {
    const tar = tarOf(members)
    const descriptor = { ...this.blob(gzipSync(tar), `${layerType}+gzip`), ...changes }
    return { descriptor, diffId: digestOf(tar) }
  }

  /** An image of layers, and what its documents are to say otherwise; returns what refers to it. */
  image(
    layers: readonly LayerRecipe[],
    {
      config = {},
      manifest = {},
    }: {
      readonly config?: Readonly<Record<string, unknown>>
      readonly manifest?: Readonly<Record<string, unknown>>
    } = {},
  ): DescriptorRecipe {
    const rootfs = { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) }
    const configuration = { os: 'linux', architecture: 'amd64', rootfs, ...config }
    return this.json(
      {
        schemaVersion: 2,
        mediaType: manifestType,
        config: this.json(configuration, configType),
        layers: layers.map(({ descriptor }) => descriptor),
        ...manifest,
      },
      manifestType,
    )
  }

  /** The index of the layout; each image under the tag before it. */
  index(...images: readonly DescriptorRecipe[]): this {
    this.file('index.json', JSON.stringify({ schemaVersion: 2, manifests: images }))
    return this
  }
}

/** A layout with one image of these layers. */
export function makeImage(directory: string, ...layers: readonly (readonly MemberRecipe[])[]): ImageMaker {
  const maker = new ImageMaker(directory)
  return maker.index(maker.image(layers.map((members) => maker.layer(members))))
}

export function tagged(descriptor: DescriptorRecipe, tag: string): DescriptorRecipe {
  return { ...descriptor, annotations: { 'org.opencontainers.image.ref.name': tag } }
}
