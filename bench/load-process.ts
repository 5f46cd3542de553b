import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadOrder, LoadOutcome } from './load-clients.ts'
import type { Step, StepKind } from './load-plan.ts'

// Some of the clients of a load bench (load-clients.ts). As in crowd-process.ts a client is sockets that write requests
// made beforehand; what comes back is counted and held against what the release has, and not kept.

const headEnd = Buffer.from('\r\n\r\n')

process.on('message', (order: LoadOrder) => void follow(order))
process.once('disconnect', () => process.exit())

async function follow(order: LoadOrder): Promise<void> {
  const outcome: Outcome = { latencies: {}, bytes: 0, requests: 0, errors: 0, firstError: undefined }
  await Promise.all(order.clients.map(async (client) => update(order, client, outcome)))
  process.send?.(outcome satisfies LoadOutcome)
}

interface Outcome {
  readonly latencies: Partial<Record<StepKind, number[]>>
  bytes: number
  requests: number
  errors: number
  firstError: string | undefined
}

/** One machine: it checks, and updates. */
async function update(
  order: LoadOrder,
  { plan, startMs }: LoadOrder['clients'][number],
  outcome: Outcome,
): Promise<void> {
  await sleep(startMs)
  const steps = order.plans[plan]
  const sockets: Connection[] = []
  try {
    const main = await Connection.open(order)
    sockets.push(main)
    for (const step of steps.first) await main.ask(step, outcome)
    if (steps.rest.length === 0) return
    const waiting = [...steps.rest]
    const others = await Promise.all(
      Array.from({ length: order.connections - 1 }, async () => Connection.open(order)),
    )
    sockets.push(...others)
    await Promise.all(
      sockets.map(async (socket) => {
        for (let step = waiting.pop(); step !== undefined; step = waiting.pop())
          await socket.ask(step, outcome)
      }),
    )
  } catch (error) {
    outcome.errors += 1
    outcome.firstError ??= String(error)
  } finally {
    for (const socket of sockets) socket.close()
  }
}

class Connection {
  readonly #socket: Socket
  readonly #host: string

  static async open({ host, port }: LoadOrder): Promise<Connection> {
    const socket = connect(port, host).setNoDelay(true)
    await once(socket, 'connect')
    return new Connection(socket, `${host}:${port}`)
  }

  private constructor(socket: Socket, host: string) {
    this.#socket = socket
    this.#host = host
    // Told to whoever waits for an answer.
    socket.on('error', () => undefined)
  }

  close(): void {
    this.#socket.destroy()
  }

  /** From before the request is written until the last byte of its answer was read. */
  async ask(step: Step, outcome: Outcome): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const began = performance.now()
    let head: Buffer = Buffer.alloc(0)
    let left: number | undefined
    const take = (piece: Buffer): void => {
      try {
        let body = piece
        if (left === undefined) {
          head = head.length === 0 ? piece : Buffer.concat([head, piece])
          const end = head.indexOf(headEnd)
          if (end < 0) return
          left = lengthOf(head.toString('latin1', 0, end), step)
          body = head.subarray(end + headEnd.length)
        }
        left -= body.length
        outcome.bytes += body.length
        if (left < 0) throw new Error(`${step.path}: more bytes than Content-Length says`)
        if (left === 0) resolve()
      } catch (error) {
        reject(error)
      }
    }
    const cut = (): void => reject(new Error(`${step.path}: the connection was closed`))
    this.#socket.on('data', take).once('close', cut)
    this.#socket.write(`GET ${step.path} HTTP/1.1\r\nHost: ${this.#host}\r\nAccept: */*\r\n\r\n`)
    try {
      await promise
    } finally {
      this.#socket.off('data', take).off('close', cut)
    }
    outcome.requests += 1
    ;(outcome.latencies[step.kind] ??= []).push(performance.now() - began)
  }
}

/** Of the body, which has to be what the release says. */
function lengthOf(head: string, { path, status, bytes }: Step): number {
  const got = Number(head.slice(9, 12))
  const length = Number(/^Content-Length: (\d+)\r?$/im.exec(head)?.[1] ?? Number.NaN)
  if (got !== status) throw new Error(`${path}: ${got}, not ${status}`)
  if (bytes !== undefined && length !== bytes) throw new Error(`${path}: ${length} bytes, not ${bytes}`)
  if (Number.isNaN(length)) throw new Error(`${path}: an answer without Content-Length`)
  return length
}
