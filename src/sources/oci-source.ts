import { findDockerImage } from './docker-archive.ts'
import { ImageBlobs } from './oci-blobs.ts'
import type { ImageChoice } from './oci-choose.ts'
import { openImageFiles, type ImageFilesOptions } from './oci-files.ts'
import { checkedArchive, findOciImage, type FoundImage, type FoundLayer } from './oci-image.ts'
import { OciLayer } from './oci-layer.ts'
import type { ImagePlatform } from './oci-platform.ts'
import type { OpenedSource } from './opened-source.ts'
import { readSourceFile } from './source-file.ts'
import { SourceNotes } from './source-notes.ts'
import { readTar } from './tar-reader.ts'
import { TreeSpool } from './tree-spool.ts'
import { unpack } from './unpack.ts'

export interface OciSourceOptions extends ImageChoice, ImageFilesOptions {}

/** The tree of a container image, and what else the image says. */
export interface OpenedImage extends OpenedSource {
  readonly image: {
    /** Of the manifest, or, of an archive of Docker, of the configuration. */
    readonly digest: string
    /** The image's configuration as it is in the image (JSON). */
    readonly config: Buffer
    readonly platform: ImagePlatform
  }
}

/**
 * The tree of an image in the OCI layout (a directory, or a tar archive of it) or in an archive of `docker save`: its
 * layers one over the other. Every blob is checked by size and digest, and every layer once more when it is unpacked.
 * Of several images one must be named with `tag`; of several platforms this machine's is taken. Throws
 * ImageChoiceError; SourceError; TreeWriteError when there is no room for what is unpacked, below TMPDIR.
 */
export async function openOciSource(path: string, options: OciSourceOptions = {}): Promise<OpenedImage> {
  await using files = await openImageFiles(path, options)
  const blobs = new ImageBlobs(files, options.signal)
  const image = await findImage(blobs, options)
  const spool = await TreeSpool.create(path)
  try {
    const notes = new SourceNotes()
    for (const [i, layer] of image.layers.entries()) {
      const name = `layer ${i + 1} of ${image.layers.length} of ${path}`
      await addLayer(spool, blobs, { layer, name, notes }, options)
    }
    return {
      tree: spool.finish(),
      contentBytes: spool.contentBytes,
      notes: notes.all(path),
      image: { digest: image.digest, config: image.config, platform: image.platform },
      [Symbol.asyncDispose]: () => spool[Symbol.asyncDispose](),
    }
  } catch (error) {
    await spool[Symbol.asyncDispose]()
    throw error
  }
}

async function findImage(blobs: ImageBlobs, choice: ImageChoice): Promise<FoundImage> {
  // What a new Docker saves is both.
  if ((await blobs.find('oci-layout')) !== undefined) return findOciImage(blobs, choice)
  const image = await findDockerImage(blobs, choice)
  if (image !== undefined) return image
  const problem = 'is no container image: it has neither an oci-layout nor a manifest.json'
  throw blobs.error('SOURCE_UNSUPPORTED', undefined, problem)
}

interface LayerContext {
  readonly layer: FoundLayer
  readonly name: string
  readonly notes: SourceNotes
}

async function addLayer(
  spool: TreeSpool,
  blobs: ImageBlobs,
  { layer: { file, diffId }, name, notes }: LayerContext,
  { signal, onBytes, limits }: OciSourceOptions,
): Promise<void> {
  const plain = unpack(readSourceFile(file.path, { signal, onBytes }), name, limits)
  const archive = checkedArchive(plain, diffId, blobs, name)
  const layer = new OciLayer(spool, name)
  const onLost = (path: string, what: string): void => notes.add(path, what)
  const members = readTar(archive, { source: name, onLost, isRooted: true, mayLackEnd: true })
  for await (const member of members) await layer.add(member)
}
