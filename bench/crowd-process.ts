import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import type { CrowdAnswer, CrowdOrder } from './crowd.ts'

// Many clients of one server, in a process of their own (crowd.ts). Node's HTTP client takes more processor time for a
// request than the server does, and what 500 machines spend is not to be taken from one server: so each client here is
// a socket that writes a request made beforehand, and looks for no more in what comes than where it ends.

const headEnd = Buffer.from('\r\n\r\n')

let sockets: readonly Socket[] = []

process.on('message', (order: CrowdOrder) => void follow(order))
process.once('disconnect', () => process.exit())

async function follow(order: CrowdOrder): Promise<void> {
  const { host, port } = order
  const request = Buffer.from(`GET ${order.path} HTTP/1.1\r\nHost: ${host}:${port}\r\nAccept: */*\r\n\r\n`)
  const open = async (): Promise<Socket> => connected(connect(port, host))
  if (!order.anew && sockets.length === 0) {
    sockets = await Promise.all(Array.from({ length: order.size }, open))
  }
  const began = performance.now()
  const answers = await Promise.all(
    order.anew
      ? Array.from({ length: order.size }, async () => askAnew(port, host, request))
      : sockets.map(async (socket) => ask(socket, request, performance.now())),
  )
  process.send?.({ answers, ms: performance.now() - began })
}

async function connected(socket: Socket): Promise<Socket> {
  await once(socket.setNoDelay(true), 'connect')
  return socket
}

/** The request leaves as soon as there is a connection. */
async function askAnew(port: number, host: string, request: Buffer): Promise<CrowdAnswer> {
  const began = performance.now()
  const socket = connect(port, host)
  try {
    return await ask(socket, request, began)
  } finally {
    socket.destroy()
  }
}

/** From `began` until the last byte of the answer was read. */
async function ask(socket: Socket, request: Buffer, began: number): Promise<CrowdAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<CrowdAnswer>()
  let read: Buffer = Buffer.alloc(0)
  const take = (piece: Buffer): void => {
    read = read.length === 0 ? piece : Buffer.concat([read, piece])
    const body = wholeBody(read)
    if (body === undefined) return
    const ms = performance.now() - began
    socket.off('data', take).off('error', reject).off('end', cut)
    resolve({ ms, status: Number(read.toString('latin1', 9, 12)), code: /"code":"(\w+)"/.exec(body)?.[1] })
  }
  const cut = (): void => reject(new Error('the server closed the connection before its answer was whole'))
  socket.on('data', take).once('error', reject).once('end', cut)
  socket.write(request)
  return promise
}

/** Undefined as long as some of it is to come. */
function wholeBody(answer: Buffer): string | undefined {
  const head = answer.indexOf(headEnd)
  if (head < 0) return undefined
  const length = /^Content-Length: (\d+)$/im.exec(answer.toString('latin1', 0, head))?.[1]
  if (length === undefined) throw new Error('an answer without Content-Length')
  const body = answer.subarray(head + headEnd.length)
  if (body.length > Number(length)) throw new Error('more bytes than Content-Length says')
  return body.length < Number(length) ? undefined : body.toString()
}
