import { randomUUID } from 'node:crypto'
import type { NextFunction, Request, Response } from 'express'

const header = 'X-Request-Id'
const sane = /^[A-Za-z0-9._-]{1,64}$/

/** Names every request, as the proxy in front of us already did if it is a plain name, and says so in the answer. */
export function nameRequest(req: Request, res: Response, next: NextFunction): void {
  const given = req.get(header) ?? ''
  res.set(header, sane.test(given) ? given : randomUUID())
  next()
}

/** The id that `nameRequest` gave the request of this response. */
export function requestIdOf(res: Response): string {
  return String(res.getHeader(header))
}
