import { ByteReader, ByteWriter } from './byte-writer.ts'

/** What a delta consists of, in the order in which it is stored. What is alike lies together and packs well. */
export const streamNames = [
  'literal lengths',
  'copy lengths',
  'seeks',
  'layout',
  'gaps',
  'runs',
  'differences',
  'literals',
] as const

/** By name, one for each of `streamNames`. */
interface Streams<T> {
  readonly literalLengths: T
  readonly copyLengths: T
  readonly seeks: T
  readonly layout: T
  readonly gaps: T
  readonly runs: T
  readonly differences: T
  readonly literals: T
}

export type StreamWriters = Streams<ByteWriter>
export type StreamReaders = Streams<ByteReader>

export function newWriters(): StreamWriters {
  return {
    literalLengths: new ByteWriter(),
    copyLengths: new ByteWriter(),
    seeks: new ByteWriter(),
    layout: new ByteWriter(),
    gaps: new ByteWriter(),
    runs: new ByteWriter(),
    differences: new ByteWriter(),
    literals: new ByteWriter(),
  }
}

/** In the order of `streamNames`. */
export function listStreams<T>(streams: Streams<T>): readonly T[] {
  return [
    streams.literalLengths,
    streams.copyLengths,
    streams.seeks,
    streams.layout,
    streams.gaps,
    streams.runs,
    streams.differences,
    streams.literals,
  ]
}

/** `streams` in the order of `streamNames`. */
export function readersOf(streams: readonly Uint8Array[]): StreamReaders {
  const reader = (index: number): ByteReader =>
    new ByteReader(streams[index] ?? new Uint8Array(), `stream of ${streamNames[index]}`)
  return {
    literalLengths: reader(0),
    copyLengths: reader(1),
    seeks: reader(2),
    layout: reader(3),
    gaps: reader(4),
    runs: reader(5),
    differences: reader(6),
    literals: reader(7),
  }
}

export function totalBytes(writers: StreamWriters): number {
  return listStreams(writers).reduce((sum, writer) => sum + writer.length, 0)
}
