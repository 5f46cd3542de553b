/**
 * A named set of chunking parameters. Manifests record the name; the numbers behind a name never change, since a
 * tree cut with other numbers shares no chunk with what a repository already holds.
 */
export interface ChunkingProfile {
  readonly name: string
  /** Plain bytes. No chunk is smaller (but a content's last), none is larger. */
  readonly minBytes: number
  readonly averageBytes: number
  readonly maxBytes: number
  /** A file of at least this many bytes is cut on its own; smaller ones share chunks. */
  readonly ownChunksBytes: number
}

export const defaultProfile: ChunkingProfile = {
  name: 'fastcdc-64k-256k-1m',
  minBytes: 64 << 10,
  averageBytes: 256 << 10,
  maxBytes: 1 << 20,
  ownChunksBytes: 64 << 10,
}
