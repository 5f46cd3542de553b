import type * as z from 'zod'
import { IssuerUnavailableError } from './issuer-unavailable-error.ts'

const maxBytes = 256 * 1024
const timeoutMs = 5000

/** After a failure nobody waits for another, nor troubles the issuer, for so long. */
const pauseMs = 5000

/** Fetches what an issuer says of itself: small, by no detour, and not again and again while that fails. */
export class IssuerFetch {
  readonly #issuer: string
  readonly #now: () => number
  #failedAt = -Infinity

  /** `now` in milliseconds of a clock that only goes forward. */
  constructor(issuer: string, now: () => number) {
    this.#issuer = issuer
    this.#now = now
  }

  /** The JSON of an answer of status 200. Throws an IssuerUnavailableError. */
  async get<Json>(url: string, schema: z.ZodType<Json>): Promise<Json> {
    if (this.#now() - this.#failedAt < pauseMs) throw this.#unavailable('did not answer well a moment ago')
    try {
      const { success, data } = schema.safeParse(parseJson(await this.#fetch(url)))
      if (success) return data
      throw this.#unavailable(`${url} does not answer with what is expected there`)
    } catch (error) {
      this.#failedAt = this.#now()
      if (error instanceof IssuerUnavailableError) throw error
      throw this.#unavailable(`${url} does not answer`, error)
    }
  }

  async #fetch(url: string): Promise<Buffer> {
    const signal = AbortSignal.timeout(timeoutMs)
    const headers = { Accept: 'application/json, application/jwk-set+json' }
    const { status, body } = await fetch(url, { signal, redirect: 'manual', headers })
    if (status !== 200) {
      await body?.cancel()
      throw this.#unavailable(`${url} answers with status ${status}`)
    }
    const pieces: Uint8Array[] = []
    let bytes = 0
    for await (const piece of (body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += piece.length
      if (bytes > maxBytes) throw this.#unavailable(`${url} answers with more than ${maxBytes} bytes`)
      pieces.push(piece)
    }
    return Buffer.concat(pieces)
  }

  #unavailable(problem: string, cause?: unknown): IssuerUnavailableError {
    return new IssuerUnavailableError(this.#issuer, problem, cause)
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}
