import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { JobEvent } from '../../jobs/job.ts'
import { eventJson } from '../../jobs/job-json.ts'

export interface EventStreamOptions {
  /** Between two comments that keep proxies from thinking the connection dead. */
  readonly heartbeatMs: number
  /** How long a client may take nothing of what was sent. */
  readonly idleMs: number
}

/** How soon a client that was cut off is to come again. */
const retryMs = 2000

/**
 * Sends events as they come (https://html.spec.whatwg.org/multipage/server-sent-events.html), and ends with them. A
 * client that does not read is cut off; it goes on with Last-Event-ID.
 */
export async function sendEvents(
  res: ServerResponse,
  events: AsyncIterable<JobEvent>,
  { heartbeatMs, idleMs }: EventStreamOptions,
): Promise<void> {
  const heartbeat = setInterval(() => {
    if (!res.writableNeedDrain) res.write(':\n\n')
  }, heartbeatMs)
  try {
    res.write(`retry: ${retryMs}\n\n`)
    for await (const event of events) {
      if (res.closed) return
      if (!res.write(textOf(event)) && !(await drains(res, idleMs))) {
        res.destroy()
        return
      }
    }
    res.end()
  } finally {
    clearInterval(heartbeat)
  }
}

export function openEventStream(res: ServerResponse): void {
  res.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    // nginx holds answers back otherwise.
    'X-Accel-Buffering': 'no',
  })
  res.flushHeaders()
}

function textOf(event: JobEvent): string {
  const id = event.kind === 'progress' ? '' : `id: ${event.id}\n`
  // JSON has no line breaks but those that it escapes.
  return `${id}event: ${event.kind}\ndata: ${JSON.stringify(eventJson(event))}\n\n`
}

async function drains(res: ServerResponse, idleMs: number): Promise<boolean> {
  const signal = AbortSignal.timeout(idleMs)
  return Promise.race([once(res, 'drain', { signal }), once(res, 'close', { signal })]).then(
    () => !res.closed,
    () => false,
  )
}
