import type { z } from 'zod'
import type { Digest } from '../../manifests/digest.ts'
import type { Repository } from '../repository/repository.ts'
import { checkLayer } from './check-layer.ts'
import { mediaTypes, writtenConfigSchema, writtenManifestSchema, type Descriptor } from './oci-documents.ts'
import type { OciLayout } from './oci-layout.ts'
import { isLayerOf, layerAnnotations, type Layer, type LayerRequest } from './write-layer.ts'

const maxDocumentBytes = 4 << 20

/** The layers of the images that a layout holds already. What cannot be read is as good as not there. */
export async function findLayers(layout: OciLayout): Promise<readonly Layer[]> {
  const layers: Layer[] = []
  for (const image of layout.images) {
    if (image.mediaType !== mediaTypes.manifest) continue
    const manifest = await read(layout, image.digest, writtenManifestSchema)
    if (manifest === undefined) continue
    const config = await read(layout, manifest.config.digest, writtenConfigSchema)
    for (const [i, layer] of manifest.layers.entries()) {
      const diffId = config?.rootfs.diff_ids[i]
      if (diffId !== undefined) layers.push({ descriptor: layer as Descriptor, diffId: diffId as Digest })
    }
  }
  return layers
}

/** The layer of a module that an earlier export left, if its blob is whole, and really that of the module. */
export async function findLayerOf(
  repository: Repository,
  layout: OciLayout,
  layers: readonly Layer[],
  request: Pick<LayerRequest, 'name' | 'module' | 'compression'>,
  signal: AbortSignal | undefined,
): Promise<Layer | undefined> {
  for (const layer of layers) {
    const { descriptor } = layer
    if (!isLayerOf(descriptor, request) || !(await layout.hasBlob(descriptor, signal))) continue
    const path = layout.blobPath(descriptor.digest)
    const found = await checkLayer(repository, { ...request, path }, { signal })
    const said = descriptor.annotations?.[layerAnnotations.architecture]
    if (found?.diffId === layer.diffId && found.architecture === said) return layer
  }
  return undefined
}

async function read<Schema extends z.ZodType>(
  layout: OciLayout,
  digest: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  const bytes = await layout.findDocument(digest, maxDocumentBytes)
  if (bytes === undefined) return undefined
  try {
    const parsed = schema.safeParse(JSON.parse(bytes.toString('utf8')))
    return parsed.data
  } catch {
    return undefined
  }
}
