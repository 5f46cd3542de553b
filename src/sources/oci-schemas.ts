import * as z from 'zod'

/** Documents of images as they are read: what is used of them; other members are let be (OCI image-spec, Docker v2.2). */

const sizeField = z.int().min(0)
const digestField = z.string().max(300)

const platformSchema = z.looseObject({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().optional(),
})

const descriptorSchema = z.looseObject({
  mediaType: z.string(),
  digest: digestField,
  size: sizeField,
  annotations: z.record(z.string(), z.string()).nullish(),
  platform: platformSchema.optional(),
})

export type ImageDescriptor = z.output<typeof descriptorSchema>

export const layoutSchema = z.looseObject({ imageLayoutVersion: z.string() })

export const indexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  manifests: z.array(descriptorSchema),
})

export const manifestSchema = z.looseObject({
  schemaVersion: z.literal(2),
  config: descriptorSchema,
  layers: z.array(descriptorSchema),
})

export const configSchema = z.looseObject({
  os: z.string(),
  architecture: z.string(),
  variant: z.string().optional(),
  rootfs: z.looseObject({ type: z.literal('layers'), diff_ids: z.array(digestField).nullable() }),
})

export type ImageConfig = z.output<typeof configSchema>

/** `manifest.json` of `docker save`. */
export const dockerArchiveSchema = z
  .array(
    z.looseObject({
      Config: z.string(),
      RepoTags: z.array(z.string()).nullish(),
      Layers: z.array(z.string()),
    }),
  )
  .min(1)

const indexTypes: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
])
const manifestTypes: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
])
const configTypes: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
])
const layerType =
  /^application\/vnd\.(?:oci\.image\.layer\.v1\.tar(?:\+(?:gzip|zstd))?|docker\.image\.rootfs\.diff\.tar(?:\.(?:gzip|zstd))?)$/
const foreignLayerType =
  /^application\/vnd\.(?:oci\.image\.layer\.nondistributable\.v1\.tar|docker\.image\.rootfs\.foreign\.diff\.tar)(?:[+.](?:gzip|zstd))?$/

export type MediaKind = 'index' | 'manifest' | 'config' | 'layer' | 'foreign layer'

/** What is behind a media type; undefined for what is not known. */
export function mediaKindOf(mediaType: string): MediaKind | undefined {
  if (indexTypes.has(mediaType)) return 'index'
  if (manifestTypes.has(mediaType)) return 'manifest'
  if (configTypes.has(mediaType)) return 'config'
  if (layerType.test(mediaType)) return 'layer'
  return foreignLayerType.test(mediaType) ? 'foreign layer' : undefined
}
