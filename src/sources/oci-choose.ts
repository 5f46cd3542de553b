import { ImageChoiceError } from './oci-choice-error.ts'
import type { ImageBlobs } from './oci-blobs.ts'
import { isPlatform, platformHere, showPlatform, type ImagePlatform } from './oci-platform.ts'
import { indexSchema, mediaKindOf, type ImageDescriptor } from './oci-schemas.ts'

export interface ImageChoice {
  /** What the image is called in the layout. */
  readonly tag?: string | undefined
  readonly platform?: ImagePlatform | undefined
}

/** No one nests more: an index of platforms in the index of the layout. */
const maxDepth = 4
const maxDescriptors = 10_000

const nameAnnotations = ['org.opencontainers.image.ref.name', 'io.containerd.image.name']
const referenceAnnotation = 'vnd.docker.reference.type'

/** The manifest of the image that is asked for. Throws ImageChoiceError, SourceError. */
export async function chooseManifest(
  blobs: ImageBlobs,
  entries: readonly ImageDescriptor[],
  choice: ImageChoice,
): Promise<ImageDescriptor> {
  const named = chooseTag(blobs.source, entries, choice.tag)
  const found: ImageDescriptor[] = []
  await collectManifests(blobs, named, found, 1)
  const manifests = [...new Map(found.map((each) => [each.digest, each])).values()]
  const [only] = manifests
  if (only === undefined) {
    throw new ImageChoiceError('IMAGE_UNKNOWN', `${blobs.source} holds no image`, 'name another layout')
  }
  if (manifests.length === 1) return only
  return choosePlatform(blobs.source, manifests, choice.platform ?? platformHere())
}

/** Whether a name is the one asked for, as it is or without the registry and the like before it. */
export function isNamed(name: string, asked: string): boolean {
  return name === asked || name.endsWith(`/${asked}`)
}

function chooseTag(
  source: string,
  entries: readonly ImageDescriptor[],
  tag: string | undefined,
): readonly ImageDescriptor[] {
  if (tag !== undefined) {
    const named = entries.filter((entry) => namesOf(entry).some((name) => isNamed(name, tag)))
    if (named.length > 0) return named
    throw new ImageChoiceError(
      'IMAGE_UNKNOWN',
      `${source} has no image ${JSON.stringify(tag)}`,
      tagsHint(entries),
    )
  }
  const tags = new Map(entries.map((entry) => [namesOf(entry)[0] ?? '', entry.digest]))
  if (tags.size < 2 || new Set(entries.map(({ digest }) => digest)).size === 1) return entries
  throw new ImageChoiceError(
    'IMAGE_UNCLEAR',
    `${source} has ${tags.size} images, and no tag says which`,
    tagsHint(entries),
  )
}

function tagsHint(entries: readonly ImageDescriptor[]): string {
  const names = [...new Set(entries.flatMap((entry) => namesOf(entry).slice(0, 1)))].sort()
  return names.length === 0 ? 'its images have no tags' : `it has: ${names.slice(0, 20).join(', ')}`
}

function namesOf({ annotations }: ImageDescriptor): string[] {
  return nameAnnotations.flatMap((key) => annotations?.[key] ?? [])
}

async function collectManifests(
  blobs: ImageBlobs,
  entries: readonly ImageDescriptor[],
  found: ImageDescriptor[],
  depth: number,
): Promise<void> {
  if (depth > maxDepth) {
    throw blobs.error('SOURCE_REFUSED', undefined, `has indexes in indexes, more than ${maxDepth} deep`)
  }
  for (const entry of entries) {
    if (entry.annotations?.[referenceAnnotation] !== undefined) continue
    const kind = mediaKindOf(entry.mediaType)
    if (kind === 'index') {
      const { value } = await blobs.document(entry, indexSchema, 'index')
      await collectManifests(blobs, value.manifests, found, depth + 1)
    } else if (kind === 'manifest') {
      found.push(entry)
    } else {
      const type = JSON.stringify(entry.mediaType.slice(0, 200))
      throw blobs.error(
        'SOURCE_UNSUPPORTED',
        undefined,
        `has an entry of the media type ${type}, which is no image`,
      )
    }
    if (found.length > maxDescriptors) {
      throw blobs.error('SOURCE_TOO_LARGE', undefined, `has more than ${maxDescriptors} images`)
    }
  }
}

function choosePlatform(
  source: string,
  manifests: readonly ImageDescriptor[],
  wanted: ImagePlatform,
): ImageDescriptor {
  const fitting = manifests.filter(({ platform }) => platform && isPlatform(platform, wanted))
  const [only] = fitting
  if (only !== undefined && fitting.length === 1) return only
  const offered = manifests.map(({ platform }) => (platform ? showPlatform(platform) : 'one without'))
  throw new ImageChoiceError(
    only === undefined ? 'IMAGE_UNKNOWN' : 'IMAGE_UNCLEAR',
    `${source} has ${fitting.length} of ${manifests.length} images for ${showPlatform(wanted)}`,
    `name one with --platform; there are: ${[...new Set(offered)].sort().join(', ')}`,
  )
}
