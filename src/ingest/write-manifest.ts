import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { DigestBuilder, type Digest } from '../../manifests/digest.ts'
import { encodeChunkRef, encodeHeader, type ChunkRef, type ManifestHeader } from '../../manifests/manifest.ts'

export interface WrittenManifest {
  readonly path: string
  /** Of the plain bytes, which the file holds. */
  readonly digest: Digest
  readonly bytes: number
}

const bufferChars = 1 << 20

/** Writes a manifest's plain bytes to a new file at `path`. */
export function writeManifest(
  path: string,
  header: ManifestHeader,
  chunkTable: Iterable<ChunkRef>,
  entryLines: Iterable<string>,
): WrittenManifest {
  const fd = openSync(path, 'wx', 0o600)
  try {
    const digest = new DigestBuilder()
    for (const text of gather(manifestLines(header, chunkTable, entryLines))) {
      const bytes = Buffer.from(text)
      digest.add(bytes)
      for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written)
    }
    fsyncSync(fd)
    return { path, bytes: digest.bytes, digest: digest.finish() }
  } finally {
    closeSync(fd)
  }
}

function* manifestLines(
  header: ManifestHeader,
  chunkTable: Iterable<ChunkRef>,
  entryLines: Iterable<string>,
): Generator<string, void, undefined> {
  yield encodeHeader(header)
  for (const chunk of chunkTable) yield encodeChunkRef(chunk)
  yield* entryLines
}

/** Lines, each ended by a newline, in pieces worth a write. */
function* gather(lines: Iterable<string>): Generator<string, void, undefined> {
  let pending: string[] = []
  let chars = 0
  for (const line of lines) {
    pending.push(line)
    chars += line.length
    if (chars < bufferChars) continue
    yield `${pending.join('\n')}\n`
    pending = []
    chars = 0
  }
  if (pending.length > 0) yield `${pending.join('\n')}\n`
}
