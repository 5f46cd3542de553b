import { DeflateEncoder } from './deflate-encoder.ts'
import type { DeflateParameters } from './deflate-parameters.ts'
import type { DeflateStream } from './deflate-stream.ts'
import { findStreams } from './find-streams.ts'
import { ParameterSearch } from './parameter-search.ts'
import { encodeRecipe, type RecipeStream } from './recipe.ts'
import { RecompressionError } from './recompression-error.ts'
import { repack } from './repack.ts'

/** Compressed content by what it says, and how `repack` makes the same bytes of it again. */
export interface Unpacked {
  /** The file with each stream that can be made again replaced by its content. */
  readonly plain: Uint8Array
  readonly recipe: Uint8Array
}

export interface UnpackOptions {
  /** The most bytes that a file's streams may inflate to; what goes beyond stays compressed. 256 MiB unless told. */
  readonly plainLimit?: number
  /** Pass the same one for many files. */
  readonly encoder?: DeflateEncoder
}

const defaultPlainLimit = 2 ** 28

interface Choice {
  readonly stream: DeflateStream
  readonly parameters: DeflateParameters
}

/**
 * Unpacks a gzip file, a zip archive, a PNG or a zlib stream; undefined when `bytes` is none of these or none of its
 * streams comes out the same again. What is returned has been repacked and compared.
 */
export function unpack(bytes: Uint8Array, options: UnpackOptions = {}): Unpacked | undefined {
  const { plainLimit = defaultPlainLimit, encoder = new DeflateEncoder() } = options
  const streams = findStreams(bytes, plainLimit)
  if (streams.length === 0) return undefined
  const search = new ParameterSearch(encoder)
  // Nearly always the beginnings of the streams tell, and making them again whole once is enough.
  const guess = express(bytes, chooseFor(bytes, streams, search.guess.bind(search)), encoder)
  return guess ?? express(bytes, chooseFor(bytes, streams, search.find.bind(search)), encoder)
}

function chooseFor(
  bytes: Uint8Array,
  streams: readonly DeflateStream[],
  parametersOf: (bytes: Uint8Array, stream: DeflateStream) => DeflateParameters | undefined,
): Choice[] {
  return streams.flatMap((stream) => {
    const parameters = parametersOf(bytes, stream)
    return parameters === undefined ? [] : [{ stream, parameters }]
  })
}

function express(
  bytes: Uint8Array,
  choices: readonly Choice[],
  encoder: DeflateEncoder,
): Unpacked | undefined {
  if (choices.length === 0) return undefined
  const pieces: Uint8Array[] = []
  const streams: RecipeStream[] = []
  let at = 0
  for (const { stream, parameters } of choices) {
    pieces.push(bytes.subarray(at, stream.start), stream.plain)
    streams.push({ rawLength: stream.start - at, plainLength: stream.plain.length, parameters })
    at = stream.end
  }
  pieces.push(bytes.subarray(at))
  const plain = Buffer.concat(pieces)
  const recipe = encodeRecipe({ outputLength: bytes.length, streams })
  return isRepacked(bytes, plain, recipe, encoder) ? { plain, recipe } : undefined
}

/** A wrong guess may also come out longer or shorter, which repack refuses. */
function isRepacked(
  bytes: Uint8Array,
  plain: Uint8Array,
  recipe: Uint8Array,
  encoder: DeflateEncoder,
): boolean {
  try {
    return Buffer.compare(repack(plain, recipe, bytes.length, encoder), bytes) === 0
  } catch (error) {
    if (error instanceof RecompressionError) return false
    throw error
  }
}
