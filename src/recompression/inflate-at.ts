import { constants, inflateRawSync, type InputType } from 'node:zlib'

export interface Inflated {
  readonly plain: Uint8Array
  /** Where in the bytes the stream ends. */
  readonly end: number
}

/** With `info`, which the types do not know, Node tells what it consumed. */
type InflateWithInfo = (
  bytes: InputType,
  options: { readonly info: true; readonly maxOutputLength: number; readonly chunkSize: number },
) => { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } }

/**
 * The deflate stream that begins at `start`; undefined when there is none or it holds more than `limit` bytes.
 * `expected`: the likely size of its content, for speed only.
 */
export function inflateAt(
  bytes: Uint8Array,
  start: number,
  limit: number,
  expected: number,
): Inflated | undefined {
  const inflate = inflateRawSync as unknown as InflateWithInfo
  const chunkSize = Math.max(constants.Z_MIN_CHUNK, Math.min(expected + 1, limit, 1 << 20))
  try {
    const { buffer, engine } = inflate(bytes.subarray(start), {
      info: true,
      maxOutputLength: Math.max(1, limit),
      chunkSize,
    })
    return buffer.length > limit ? undefined : { plain: buffer, end: start + engine.bytesWritten }
  } catch {
    // Whatever is wrong with it: then it is not a stream to make again.
    return undefined
  }
}
