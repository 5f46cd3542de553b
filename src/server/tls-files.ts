import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Server } from 'node:https'
import { createSecureContext } from 'node:tls'
import type { Logger } from 'pino'
import { ServerError } from './errors.ts'

/** PEM files: the certificate with its intermediates, and its key. */
export interface TlsPaths {
  readonly certPath: string
  readonly keyPath: string
}

/** What a TLS server is configured with. */
export interface TlsPair {
  readonly cert: Buffer
  readonly key: Buffer
  readonly minVersion: 'TLSv1.2'
}

/** Reads and checks a certificate and its key. Throws TLS_FILES_INVALID. */
export async function readTlsPair({ certPath, keyPath }: TlsPaths): Promise<TlsPair> {
  try {
    const [cert, key] = await Promise.all([readFile(certPath), readFile(keyPath)])
    const pair = { cert, key, minVersion: 'TLSv1.2' } as const
    createSecureContext(pair)
    return pair
  } catch (cause) {
    throw new ServerError(
      'TLS_FILES_INVALID',
      `the certificate ${certPath} and the key ${keyPath} cannot be used: ${(cause as Error).message}`,
      { hint: 'both must be PEM files that this user can read, and belong together', cause },
    )
  }
}

/**
 * Gives a server its renewed certificate soon after the files have changed. Files are compared, not watched: renewal
 * tools replace them by symbolic links and renames that a watch loses track of. A pair that cannot be used, such as
 * one half written, changes nothing.
 */
export class TlsReloader implements Disposable {
  readonly #server: Server
  readonly #paths: TlsPaths
  readonly #logger: Logger
  readonly #timer: NodeJS.Timeout
  #current: TlsPair
  #complaint: string | undefined

  constructor(
    server: Server,
    options: {
      readonly paths: TlsPaths
      readonly pair: TlsPair
      readonly logger: Logger
      readonly intervalMs: number
    },
  ) {
    this.#server = server
    this.#paths = options.paths
    this.#current = options.pair
    this.#logger = options.logger
    this.#timer = setInterval(() => void this.#reload(), options.intervalMs).unref()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  async #reload(): Promise<void> {
    try {
      const pair = await readTlsPair(this.#paths)
      this.#complaint = undefined
      if (pair.cert.equals(this.#current.cert) && pair.key.equals(this.#current.key)) return
      this.#server.setSecureContext(pair)
      this.#current = pair
      const { validTo, fingerprint256 } = new X509Certificate(pair.cert)
      this.#logger.info({ validTo, fingerprint256 }, 'TLS certificate renewed')
    } catch (error) {
      this.#complain(error as Error)
    }
  }

  /** Once for each new reason. */
  #complain(error: Error): void {
    if (this.#complaint === error.message) return
    this.#complaint = error.message
    this.#logger.error({ err: error }, 'renewed TLS certificate refused; the old one stays in use')
  }
}
