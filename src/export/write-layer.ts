import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip, createZstdCompress } from 'node:zlib'
import type { Transform } from 'node:stream'
import { DigestBuilder, type Digest } from '../../manifests/digest.ts'
import type { ReleaseModule } from '../../manifests/release.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import type { Repository } from '../repository/repository.ts'
import { digested } from './digested.ts'
import { moduleTar, type TarPlan } from './module-tar.ts'
import { layerMediaType, type Compression, type Descriptor } from './oci-documents.ts'

/** Of what is compressed at once: a compressor's output may depend on how its input is divided. */
const pieceBytes = 1 << 18
const gzipLevel = 6
const zstdLevel = 6

/** Counts up whenever the same manifest gives another archive. */
const layerVersion = '1'

export const layerAnnotations = {
  version: 'vend.layer',
  module: 'vend.module',
  manifest: 'vend.manifest',
  architecture: 'vend.architecture',
} as const

export interface Layer {
  readonly descriptor: Descriptor
  /** Of the archive before it is compressed. */
  readonly diffId: Digest
}

export interface ModuleLayer extends Layer {
  readonly module: string
}

export interface WrittenLayer extends Layer {
  /** Where its blob is. */
  readonly path: string
}

export interface LayerRequest {
  readonly name: string
  readonly module: ReleaseModule
  readonly plan: TarPlan
  readonly compression: Compression
  /** Where the blob is put, under the module's name. */
  readonly directory: string
}

/** A module as a layer, durable in a file. */
export async function writeLayer(
  repository: Repository,
  { name, module, plan, compression, directory }: LayerRequest,
  { signal, onBytes }: CallOptions & { readonly onBytes?: (bytes: number) => void },
): Promise<WrittenLayer> {
  const path = join(directory, name)
  const [plain, packed] = [new DigestBuilder(), new DigestBuilder()]
  let architecture: string | undefined
  const onProgram = (found: string): void => {
    architecture ??= found
  }
  const tar = digested(plain, inPieces(moduleTar(repository, module, plan, { signal, onBytes, onProgram })))
  const file = createWriteStream(path, { flags: 'wx', flush: true })
  const compressor = compressorFor(compression)
  if (compressor === undefined) await pipeline(tar, file, { signal })
  else await pipeline(tar, compressor, (pieces) => digested(packed, pieces), file, { signal })
  const diffId = plain.finish()
  const descriptor = {
    mediaType: layerMediaType(compression),
    ...(compressor === undefined
      ? { size: plain.bytes, digest: diffId }
      : { size: packed.bytes, digest: packed.finish() }),
    annotations: annotationsOf(name, module, architecture),
  }
  return { descriptor, diffId, path }
}

/** By what a layer of an earlier export is known to be that of the same module, made in the same way. */
export function isLayerOf(
  { mediaType, annotations }: Pick<Descriptor, 'mediaType' | 'annotations'>,
  { name, module, compression }: Pick<LayerRequest, 'name' | 'module' | 'compression'>,
): boolean {
  const wanted = annotationsOf(name, module, annotations?.[layerAnnotations.architecture])
  return (
    mediaType === layerMediaType(compression) &&
    Object.entries(wanted).every(([key, value]) => annotations?.[key] === value)
  )
}

function annotationsOf(
  name: string,
  { manifest }: ReleaseModule,
  architecture: string | undefined,
): Readonly<Record<string, string>> {
  return {
    [layerAnnotations.version]: layerVersion,
    [layerAnnotations.module]: name,
    [layerAnnotations.manifest]: manifest.digest,
    ...(architecture !== undefined && { [layerAnnotations.architecture]: architecture }),
  }
}

function compressorFor(compression: Compression): Transform | undefined {
  if (compression === 'none') return undefined
  // Without a name or a time in its header.
  if (compression === 'gzip') return createGzip({ level: gzipLevel, chunkSize: pieceBytes })
  const params = { [constants.ZSTD_c_compressionLevel]: zstdLevel, [constants.ZSTD_c_checksumFlag]: 1 }
  return createZstdCompress({ params, chunkSize: pieceBytes })
}

/** The same bytes in pieces of one size. */
async function* inPieces(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  let piece = Buffer.allocUnsafe(pieceBytes)
  let filled = 0
  for await (const each of bytes) {
    for (let done = 0; done < each.length;) {
      const count = each.copy(piece, filled, done)
      filled += count
      done += count
      if (filled < pieceBytes) continue
      yield piece
      piece = Buffer.allocUnsafe(pieceBytes)
      filled = 0
    }
  }
  if (filled > 0) yield piece.subarray(0, filled)
}
