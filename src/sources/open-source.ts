import { statSync } from 'node:fs'
import { DirectoryTree, type TreeSource } from '../tree/tree-source.ts'
import type { OpenOptions } from './archive-bytes.ts'
import { imageTraits, openImage } from './image-tree.ts'
import type { ImagePlatform } from './oci-platform.ts'
import { openOciSource, type OpenedImage } from './oci-source.ts'
import type { OpenedSource } from './opened-source.ts'
import { openPacmanPackages, packagesIn } from './pacman-packages.ts'
import { findSource, type FoundSource } from './source-kind.ts'
import { openTar } from './tar-tree.ts'

export interface SourceOptions extends OpenOptions {
  /** Of container images for several platforms. Default: this machine's. */
  readonly platform?: ImagePlatform | undefined
  /** Of packages: put the database of the package manager into the tree. Default: no. */
  readonly withPackageDatabase?: boolean | undefined
}

/**
 * The tree that `text` names: a path, or a kind of source, a colon and a path. All but directories and images are
 * read now, into scratch files below TMPDIR. Throws SourceError, and what opening the kind throws.
 */
export async function openSource(
  text: string,
  options: SourceOptions = {},
): Promise<OpenedSource & { readonly image?: OpenedImage['image'] }> {
  const found = findSource(text)
  switch (found.kind) {
    case 'dir':
      return openDirectory(found.path)
    case 'tar':
      return openTarOrImage(found, options)
    case 'oci':
    case 'docker-archive':
      return openOciSource(found.path, { ...options, tag: found.tag })
    case 'pacman':
      return openPacman(found.path, options)
    case 'image':
      return { ...(await openImage(found.path)), traits: imageTraits }
  }
}

function openDirectory(path: string): OpenedSource {
  return { tree: new DirectoryTree(path), [Symbol.asyncDispose]: () => Promise.resolve() }
}

function openPacman(path: string, options: SourceOptions): Promise<OpenedSource> {
  const files = statSync(path).isDirectory() ? packagesIn(path) : [path]
  return openPacmanPackages(files, { ...options, name: path, withDatabase: options.withPackageDatabase })
}

/** What an archive is of shows when it is read: images are told by what they have beside their blobs. */
async function openTarOrImage({ path, isSaid }: FoundSource, options: SourceOptions): Promise<OpenedSource> {
  const opened = await openTar(path, options)
  if (isSaid || !isContainerImage(opened.tree)) return opened
  await opened[Symbol.asyncDispose]()
  return openOciSource(path, options)
}

/** A root has directories such as bin and etc; an image one for its blobs, or one for each of its layers. */
function isContainerImage(tree: TreeSource): boolean {
  for (const { entry } of tree.walk()) {
    if (ofRoots.has(entry.path) || entry.path > 'oci-layout') return false
    if (entry.type === 'file' && (entry.path === 'oci-layout' || entry.path === 'manifest.json')) return true
  }
  return false
}

const ofRoots: ReadonlySet<string> = new Set(['bin', 'boot', 'dev', 'etc', 'lib'])
