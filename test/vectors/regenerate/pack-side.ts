import { digestOf, type Digest } from '../../../manifests/digest.ts'
import { encodeManifest } from '../../../manifests/manifest.ts'
import { defaultProfile } from '../../../src/chunking/profile.ts'
import { makeBytes, type ByteRecipe } from '../../support/byte-recipes.ts'
import { entryOf } from '../../support/format-vectors.ts'

/** One side of a pack: a content stream, and its manifest. */
export interface PackSide {
  readonly stream: Buffer
  /** What the stream is made of, where it is not written into a file. */
  readonly recipe: ByteRecipe | undefined
  readonly positions: readonly number[]
  readonly contents: readonly Buffer[]
  readonly manifest: Buffer
}

export function sideOf(contents: readonly Buffer[]): PackSide {
  const stream = Buffer.concat(contents)
  const owned = { mode: 0o644, uid: 0, gid: 0, mtime: { seconds: 1735689600, nanos: 0 } }
  let at = 0
  const positions = contents.map(({ length }) => (at += length) - length)
  const files = contents.map((content, index) =>
    entryOf({
      type: 'file',
      path: { text: `content-${index}` },
      ...owned,
      size: content.length,
      digest: digestOf(content),
      offset: positions[index] as number,
    }),
  )
  const root = entryOf({ type: 'directory', path: { text: '' }, ...owned, mode: 0o755 })
  const manifest = encodeManifest({
    module: 'sample',
    chunking: defaultProfile.name,
    chunkTable: chunksOf(stream),
    entries: [root, ...files],
  })
  return { stream, recipe: undefined, positions, contents, manifest }
}

/** Of a single content. */
export function sideOfRecipe(recipe: ByteRecipe): PackSide {
  return { ...sideOf([makeBytes(recipe)]), recipe }
}

/** Cut where nothing says where to cut. */
function chunksOf(stream: Buffer): { digest: Digest; size: number }[] {
  const chunks: { digest: Digest; size: number }[] = []
  for (let at = 0; at < stream.length; at += 1 << 20) {
    const chunk = stream.subarray(at, at + (1 << 20))
    chunks.push({ digest: digestOf(chunk), size: chunk.length })
  }
  return chunks
}
