import type { Readable } from 'node:stream'
import { RemoteProblem } from './errors.ts'

const maxProblemBytes = 64 << 10

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Readable
}

/** What an answer says went wrong; of one that is none of Vend's only its status. */
export async function problemOf({ status, headers, body }: Answer): Promise<RemoteProblem> {
  const nothing = new RemoteProblem(status, '', `the server answers with status ${status}`)
  const isProblem = String(headers['content-type']).startsWith('application/problem+json')
  try {
    const pieces: Buffer[] = []
    let bytes = 0
    for await (const piece of body as AsyncIterable<Buffer>) {
      bytes += piece.length
      if (bytes > maxProblemBytes) return nothing
      pieces.push(piece)
    }
    if (!isProblem) return nothing
    const { code, detail } = JSON.parse(Buffer.concat(pieces).toString('utf8')) as Record<string, unknown>
    if (typeof code !== 'string' || typeof detail !== 'string') return nothing
    return new RemoteProblem(status, code, detail)
  } catch {
    return nothing
  }
}

/** Of the header, in seconds or as a date; 0 without it. */
export function retryAfterMs(header: string | string[] | undefined): number {
  if (typeof header !== 'string') return 0
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? 0 : Math.max(0, date - Date.now())
}
