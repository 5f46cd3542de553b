import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Random } from './random.ts'

export interface SlowLinkOptions {
  /** Of the loopback interface: what is behind the link. */
  readonly port: number
  /** Each way. */
  readonly delayMs: number
  /** Each way, of all connections together. */
  readonly bytesPerSecond: number
  readonly seed?: number
  /**
   * A connection is cut each time that about so many bytes went up, the one that the last of them went over: where
   * exactly, the seed says. Undefined: none is.
   */
  readonly cutEvery?: number | undefined
}

/** As much as may wait at the link's beginning: then it takes nothing until something is on its way. */
const maxWaitingMs = 10

/**
 * A long, narrow line to a server: what comes out of it came in a while ago, no faster than the line is wide, and now and
 * then a connection is cut in the middle, with everything that is on its way.
 */
export class SlowLink implements AsyncDisposable {
  readonly #server: Server
  readonly #options: SlowLinkOptions
  readonly #random: Random
  readonly #up = new Line()
  readonly #down = new Line()
  readonly #sockets = new Set<Socket>()
  #nextCut = Number.POSITIVE_INFINITY
  #connections = 0
  #cuts = 0
  #lostBytes = 0

  private constructor(options: SlowLinkOptions) {
    this.#options = options
    this.#random = new Random(options.seed ?? 1)
    this.#planCut()
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#join(socket))
  }

  static async start(options: SlowLinkOptions): Promise<SlowLink> {
    const link = new SlowLink(options)
    link.#server.listen(0, '127.0.0.1')
    await once(link.#server, 'listening')
    return link
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get connections(): number {
    return this.#connections
  }

  get cuts(): number {
    return this.#cuts
  }

  /** That went in from the client's side. */
  get sentBytes(): number {
    return this.#up.bytes
  }

  get receivedBytes(): number {
    return this.#down.bytes
  }

  /** That went in and never came out, since the connection was cut. */
  get lostBytes(): number {
    return this.#lostBytes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #join(client: Socket): void {
    this.#connections++
    const server = connect({ port: this.#options.port, host: '127.0.0.1', allowHalfOpen: true })
    const pair = { client, server, isCut: false }
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.once('close', () => {
        this.#sockets.delete(socket)
        if (socket.errored !== null) this.#end(pair)
      })
    }
    this.#pass(client, server, this.#up, pair)
    this.#pass(server, client, this.#down, pair)
  }

  #pass(from: Socket, to: Socket, line: Line, pair: Pair): void {
    const { delayMs, bytesPerSecond } = this.#options
    const way = new Way((piece) => {
      if (piece === undefined) to.end()
      else if (!pair.isCut) to.write(piece)
      else if (line === this.#up) this.#lostBytes += piece.length
    })
    from.on('data', (piece: Buffer) => {
      const waitMs = line.send(piece.length, bytesPerSecond)
      way.send(piece, waitMs + delayMs)
      if (line === this.#up && line.bytes >= this.#nextCut) this.#cut(pair)
      else if (waitMs > maxWaitingMs) {
        from.pause()
        setTimeout(() => from.resume(), waitMs - maxWaitingMs)
      }
    })
    from.once('end', () => way.send(undefined, line.waitMs + delayMs))
  }

  #planCut(): void {
    const { cutEvery } = this.#options
    if (cutEvery !== undefined)
      this.#nextCut = this.#up.bytes + this.#random.between(cutEvery / 2, cutEvery * 1.5)
  }

  #cut(pair: Pair): void {
    this.#cuts++
    this.#planCut()
    this.#end(pair)
  }

  /** Every other cut is a reset for the server, too, which then loses what it has not read; else it only sees an end. */
  #end(pair: Pair): void {
    pair.isCut = true
    pair.client.resetAndDestroy()
    if (this.#cuts % 2 === 0) pair.server.resetAndDestroy()
    else pair.server.destroy()
  }
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  isCut: boolean
}

/** What is on its way over one connection, in its order; undefined is the end. */
class Way {
  readonly #arrive: (piece: Buffer | undefined) => void
  readonly #pieces: { readonly piece: Buffer | undefined; readonly due: number }[] = []

  constructor(arrive: (piece: Buffer | undefined) => void) {
    this.#arrive = arrive
  }

  send(piece: Buffer | undefined, afterMs: number): void {
    this.#pieces.push({ piece, due: performance.now() + afterMs })
    if (this.#pieces.length === 1) this.#wait()
  }

  #wait(): void {
    const [first] = this.#pieces
    if (first === undefined) return
    setTimeout(
      () => {
        const now = performance.now()
        while ((this.#pieces[0]?.due ?? Infinity) <= now) this.#arrive(this.#pieces.shift()?.piece)
        this.#wait()
      },
      Math.max(0, first.due - performance.now()),
    )
  }
}

/** One way: who comes later waits for those before. */
class Line {
  bytes = 0
  #freeAt = 0

  /** How long the last byte has to wait before it is on its way. */
  send(bytes: number, bytesPerSecond: number): number {
    this.bytes += bytes
    const now = performance.now()
    this.#freeAt = Math.max(this.#freeAt, now) + (bytes / bytesPerSecond) * 1000
    return this.#freeAt - now
  }

  get waitMs(): number {
    return Math.max(0, this.#freeAt - performance.now())
  }
}
