import type { z } from 'zod'
import { byteStringFromText } from '../../manifests/tree-path.ts'
import { memberPath } from './member-path.ts'
import type { ImageBlobs } from './oci-blobs.ts'
import { ImageChoiceError } from './oci-choice-error.ts'
import { isNamed, type ImageChoice } from './oci-choose.ts'
import { checkConfig, platformOf, type FoundImage, type FoundLayer } from './oci-image.ts'
import type { ImageFile } from './oci-files.ts'
import { configSchema, dockerArchiveSchema } from './oci-schemas.ts'

type ArchivedImage = z.output<typeof dockerArchiveSchema>[number]

/**
 * The image of what `docker save` and `podman save --format docker-archive` write; undefined for anything else. The
 * configuration is checked by its digest, which its name is, and the layers by the configuration. Throws
 * ImageChoiceError, SourceError.
 */
export async function findDockerImage(
  blobs: ImageBlobs,
  choice: ImageChoice,
): Promise<FoundImage | undefined> {
  const archive = await blobs.named('manifest.json', dockerArchiveSchema)
  if (archive === undefined) return undefined
  const { Config: name, Layers: names } = chooseImage(blobs.source, archive.value, choice.tag)
  const file = await findMember(blobs, name)
  const { bytes, value } = await blobs.parse(file, configSchema, name)
  const digest = await blobs.digestOf(file, 'sha256')
  const [named] = /[0-9a-f]{64}/.exec(name) ?? []
  if (named !== undefined && digest !== `sha256:${named}`) {
    throw blobs.error('SOURCE_DAMAGED', name, `has the digest ${digest}: its bytes were changed`)
  }
  const diffIds = checkConfig(blobs, value, names.length, choice)
  const layers: FoundLayer[] = []
  for (const [i, layerName] of names.entries()) {
    layers.push({ file: await findMember(blobs, layerName), diffId: diffIds[i] ?? '' })
  }
  return { digest, config: bytes, platform: platformOf(value), layers }
}

async function findMember(blobs: ImageBlobs, name: string): Promise<ImageFile> {
  const file = await blobs.find(pathOf(blobs, name))
  if (file !== undefined) return file
  throw blobs.error('SOURCE_DAMAGED', name, 'is missing')
}

/** What the document calls a file may become a path. */
function pathOf(blobs: ImageBlobs, name: string): string {
  try {
    return memberPath(byteStringFromText(name))
  } catch (error) {
    throw blobs.error('SOURCE_REFUSED', name, (error as Error).message, error)
  }
}

function chooseImage(
  source: string,
  images: readonly ArchivedImage[],
  tag: string | undefined,
): ArchivedImage {
  const fitting =
    tag === undefined ? images : images.filter(({ RepoTags }) => RepoTags?.some((each) => isNamed(each, tag)))
  const [only] = fitting
  if (only !== undefined && fitting.length === 1) return only
  const tags = images.flatMap(({ RepoTags }) => RepoTags ?? []).sort()
  const hint = tags.length === 0 ? 'its images have no tags' : `it has: ${tags.slice(0, 20).join(', ')}`
  if (tag === undefined) {
    throw new ImageChoiceError(
      'IMAGE_UNCLEAR',
      `${source} has ${images.length} images, and no tag says which`,
      hint,
    )
  }
  throw new ImageChoiceError('IMAGE_UNKNOWN', `${source} has no image ${JSON.stringify(tag)}`, hint)
}
