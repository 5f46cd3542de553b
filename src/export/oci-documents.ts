import * as z from 'zod'
import { canonicalJson } from '../../manifests/canonical-json.ts'
import type { Digest } from '../../manifests/digest.ts'

/** The documents of an image (OCI image-spec 1.0 and 1.1), as they are written. */

export const ociLayoutFile = canonicalJson({ imageLayoutVersion: '1.0.0' })

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const

export const refNameAnnotation = 'org.opencontainers.image.ref.name'

export type Compression = 'gzip' | 'zstd' | 'none'

/** `sha256:` and hexadecimal digits, as ours; other algorithms are read, and never written. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly platform?: Platform
}

/** As a type, so that it is a JSON value. */
export type Platform = {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

export function layerMediaType(compression: Compression): string {
  return compression === 'none' ? mediaTypes.layer : `${mediaTypes.layer}+${compression}`
}

/** What is kept of an entry of an index that something else may have written: all of it. */
const indexEntrySchema = z.looseObject({
  mediaType: z.string().optional(),
  digest: z.string(),
  size: z.int().min(0),
  annotations: z.record(z.string(), z.string()).optional(),
})

export type IndexEntry = z.output<typeof indexEntrySchema>

export const indexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  manifests: z.array(indexEntrySchema),
})

export type Index = z.output<typeof indexSchema>

/** Of an image's manifest and configuration what is needed to use its layers again. */
export const writtenManifestSchema = z.looseObject({
  config: z.looseObject({ digest: z.string() }),
  layers: z.array(indexEntrySchema),
})

export const writtenConfigSchema = z.looseObject({
  rootfs: z.looseObject({ diff_ids: z.array(z.string()) }),
})
