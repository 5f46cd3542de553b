import type { ServerResponse } from 'node:http'
import type { ServerLimits } from './limits.ts'

/**
 * Cuts the connection of a response that stands still, and of one that trickles: a byte now and then would keep any
 * idle timer quiet. Called when Content-Length is set and before anything is written.
 */
export function guardSlowReader(res: ServerResponse, limits: ServerLimits): void {
  const bytes = Number(res.getHeader('content-length') ?? 0)
  const allowedMs = limits.idleResponseTimeoutMs + (bytes / limits.minBytesPerSecond) * 1000
  const deadline = setTimeout(() => res.destroy(), Math.min(allowedMs, maxTimeoutMs))
  res.once('close', () => clearTimeout(deadline))
  res.setTimeout(limits.idleResponseTimeoutMs, () => res.destroy())
}

/** setTimeout takes no more, 24 days. */
const maxTimeoutMs = 2 ** 31 - 1
