import { LogError } from './errors.ts'

/**
 * Reads an object of a log, by its path relative to the log (`checkpoint`, `tile/0/000`); undefined when there is none.
 * Fails on one that is longer than `maxBytes`.
 */
export type ReadObject = (path: string, maxBytes: number) => Promise<Buffer | undefined>

/** An object of a log that is to be stored. */
export interface LogObject {
  readonly path: string
  readonly bytes: Buffer
}

/** Throws LOG_INVALID when there is none. */
export async function needObject(read: ReadObject, path: string, maxBytes: number): Promise<Buffer> {
  const bytes = await read(path, maxBytes)
  if (bytes === undefined) throw new LogError('LOG_INVALID', `log/${path} is missing`)
  return bytes
}
