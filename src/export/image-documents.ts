import type { JsonValue } from '../../manifests/canonical-json.ts'
import type { Release } from '../../manifests/release.ts'
import { mediaTypes, type Descriptor, type Platform } from './oci-documents.ts'
import type { ModuleLayer } from './write-layer.ts'

export interface ImageDocuments {
  readonly config: JsonValue
  readonly manifestOf: (config: Descriptor) => JsonValue
}

/** An image's configuration and manifest: the same for the same release and layers. */
export function describeImage(
  release: Release,
  layers: readonly ModuleLayer[],
  platform: Platform,
): ImageDocuments {
  const annotations = annotationsOf(release)
  return {
    config: {
      ...platform,
      created: release.created,
      config: { Labels: annotations },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
      history: layers.map(({ module }) => ({
        created: release.created,
        created_by: 'vend export oci',
        comment: `module ${module}`,
      })),
    },
    manifestOf: (config) => ({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: descriptorJson(config),
      layers: layers.map(({ descriptor }) => descriptorJson(descriptor)),
      annotations,
    }),
  }
}

/** The keys that the image-spec defines, as far as a release says them. */
function annotationsOf({ version, label, created }: Release): Readonly<Record<string, string>> {
  return {
    'org.opencontainers.image.created': created,
    'org.opencontainers.image.version': String(version),
    ...(label !== undefined && { 'org.opencontainers.image.title': label }),
  }
}

function descriptorJson({ mediaType, digest, size, annotations }: Descriptor): JsonValue {
  return { mediaType, digest, size, annotations }
}
