import { joinViews, viewBytes, type ContentView } from '../../src/delta/content-view.ts'
import { DeltaDecoder } from '../../src/delta/decode-delta.ts'
import { DeltaContext } from '../../src/delta/delta-context.ts'
import { listStreams, readersOf } from '../../src/delta/delta-streams.ts'
import { encodeDelta, type Delta, type DeltaHead } from '../../src/delta/encode-delta.ts'
import type { ContentPair } from './content-pairs.ts'

/** A delta as a pack would hold it: nothing but bytes. */
export interface StoredDelta {
  readonly head: DeltaHead
  readonly parts: readonly { readonly targetBytes: number; readonly streams: readonly Uint8Array[] }[]
}

export function storeDelta(delta: Delta): StoredDelta {
  const parts = Array.from(delta.parts, ({ targetBytes, streams }) => ({
    targetBytes,
    streams: listStreams(streams).map((writer) => Uint8Array.from(writer.written())),
  }))
  return { head: delta.head, parts }
}

export function encodePair(
  { target, bases }: ContentPair,
  partBytes: number,
  context = new DeltaContext(),
): StoredDelta {
  return storeDelta(encodeDelta(viewBytes(target), joinBases(bases), partBytes, context))
}

export function decodePair(
  { head, parts }: StoredDelta,
  length: number,
  bases: readonly Uint8Array[],
  context = new DeltaContext(),
): Uint8Array {
  const pieces: Uint8Array[] = []
  let decoder: DeltaDecoder | undefined
  for (const { targetBytes, streams } of parts) {
    const readers = readersOf(streams)
    decoder ??= new DeltaDecoder({ length, head, basis: joinBases(bases), context }, readers)
    decoder.decodePart(targetBytes, readers, (bytes) => pieces.push(Uint8Array.from(bytes)))
    for (const reader of listStreams(readers)) reader.end()
  }
  if (decoder?.isComplete !== true) throw new Error('the delta is complete, its target is not')
  return Buffer.concat(pieces)
}

function joinBases(bases: readonly Uint8Array[]): ContentView {
  return joinViews(bases.map(viewBytes))
}
