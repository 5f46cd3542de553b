import type { ServerResponse } from 'node:http'

/** One for all, since making one takes its stack, which costs more than anything else that every request does. */
const closed = new DOMException('the response is closed', 'AbortError')

/** Aborted when the client is gone, or has its answer: whatever is still read for it may stop. */
export function closeSignal(res: ServerResponse): AbortSignal {
  const controller = new AbortController()
  if (res.closed) controller.abort(closed)
  else res.once('close', () => controller.abort(closed))
  return controller.signal
}
