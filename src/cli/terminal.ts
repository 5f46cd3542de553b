import type { Environment } from './setting-parsers.ts'

/** What the program writes to: `process.stdout` and `process.stderr`, or a test's stand-ins. */
export interface OutputStream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string | Uint8Array): boolean
  once(event: 'drain' | 'close', listener: () => void): unknown
  removeListener(event: 'drain' | 'close', listener: () => void): unknown
}

/** A stream that knows whether anything was written to it. */
export class UsedStream implements OutputStream {
  readonly #inner: OutputStream
  isUsed = false

  constructor(inner: OutputStream) {
    this.#inner = inner
  }

  get isTTY(): boolean | undefined {
    return this.#inner.isTTY
  }

  write(text: string | Uint8Array): boolean {
    this.isUsed = true
    return this.#inner.write(text)
  }

  once(event: 'drain' | 'close', listener: () => void): void {
    this.#inner.once(event, listener)
  }

  removeListener(event: 'drain' | 'close', listener: () => void): void {
    this.#inner.removeListener(event, listener)
  }
}

/** Writes, and waits while the reader is slower than we are. */
export async function writeAll(stream: OutputStream, bytes: string | Uint8Array): Promise<void> {
  if (stream.write(bytes)) return
  const { promise, resolve } = Promise.withResolvers<void>()
  stream.once('drain', resolve)
  stream.once('close', resolve)
  await promise
  stream.removeListener('drain', resolve)
  stream.removeListener('close', resolve)
}

export interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly yellow: (text: string) => string
}

/** Colours on a terminal whose user did not refuse them (https://no-color.org). */
export function styleFor(stream: OutputStream, env: Environment): Style {
  const refused = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb'
  const coloured = stream.isTTY === true && !refused
  const paint =
    (on: number, off: number) =>
    (text: string): string =>
      coloured ? `\u001B[${on}m${text}\u001B[${off}m` : text
  return { bold: paint(1, 22), dim: paint(2, 22), red: paint(31, 39), yellow: paint(33, 39) }
}
