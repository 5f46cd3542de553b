import type { Response } from 'express'

/** Aborted when the client is gone, or has its answer: whatever is still read for it may stop. */
export function closeSignal(res: Response): AbortSignal {
  const controller = new AbortController()
  if (res.closed) controller.abort()
  else res.once('close', () => controller.abort())
  return controller.signal
}
