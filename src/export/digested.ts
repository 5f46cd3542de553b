import type { DigestBuilder } from '../../manifests/digest.ts'

/** The same pieces, each added to the digest as it passes by. */
export async function* digested<Piece extends Uint8Array>(
  digest: DigestBuilder,
  pieces: AsyncIterable<Piece>,
): AsyncGenerator<Piece, void, undefined> {
  for await (const piece of pieces) {
    digest.add(piece)
    yield piece
  }
}
