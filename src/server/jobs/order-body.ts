import type { IncomingMessage } from 'node:http'
import { maxOrderBytes, readOrder, type JobOrder } from '../../jobs/job-order.ts'
import { ProblemError } from '../problem.ts'

const close = { headers: { Connection: 'close' } }

/** Throws the problem of a request with a body that no order can have. */
export function checkOrderBody({ headers }: IncomingMessage): void {
  if (headers['transfer-encoding'] !== undefined) {
    throw new ProblemError('REQUEST_INVALID', 'send the order with its Content-Length', close)
  }
  if (Number(headers['content-length'] ?? 0) > maxOrderBytes) {
    throw new ProblemError('BODY_TOO_LARGE', `an order has at most ${maxOrderBytes} bytes`, close)
  }
}

/** `checkOrderBody` saw that the body has a length, and a small one. Throws REQUEST_INVALID, or JOB_INVALID. */
export async function readOrderBody(req: IncomingMessage): Promise<JobOrder> {
  const type = req.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== 'application/json') {
    throw new ProblemError('REQUEST_INVALID', 'send the order as JSON, with Content-Type: application/json')
  }
  const pieces: Buffer[] = []
  for await (const piece of req as AsyncIterable<Buffer>) pieces.push(piece)
  const { kind, details = {}, ...others } = parseObject(Buffer.concat(pieces))
  const [other] = Object.keys(others)
  if (other !== undefined) throw new ProblemError('REQUEST_INVALID', 'an order has kind and details alone')
  return readOrder(kind, details)
}

function parseObject(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const json = JSON.parse(body.toString('utf8')) as unknown
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>
  } catch (cause) {
    throw new ProblemError('REQUEST_INVALID', 'the order is not JSON', { cause })
  }
  throw new ProblemError('REQUEST_INVALID', 'the order is no object')
}
