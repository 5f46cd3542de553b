import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { pino, type Logger } from 'pino'
import { httpGet, type Answer } from './http-get.ts'
import { startServer, type RunningServer, type StartOptions } from '../../../src/server/start-server.ts'

/** A server on a free port of 127.0.0.1 that validates its own answers, and its log. */
export class Served implements AsyncDisposable {
  readonly server: RunningServer
  readonly log: readonly Record<string, unknown>[]

  private constructor(server: RunningServer, log: readonly Record<string, unknown>[]) {
    this.server = server
    this.log = log
  }

  static async start(options: Omit<StartOptions, 'listen' | 'logger'>): Promise<Served> {
    const { logger, lines } = recordingLogger()
    const listen = { host: '127.0.0.1', port: 0 }
    return new Served(await startServer({ validateResponses: true, ...options, listen, logger }), lines)
  }

  get port(): number {
    return Number(new URL(this.server.url).port)
  }

  async get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
    return httpGet({ port: this.port, path, headers, method })
  }

  connect(): Socket {
    return connect(this.port, '127.0.0.1')
  }

  /** Everything the server says to these bytes before it closes the connection. */
  async raw(text: string): Promise<string> {
    const socket = this.connect()
    socket.write(text, 'latin1')
    return readToEnd(socket)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close()
  }
}

export async function readToEnd(socket: Socket): Promise<string> {
  let text = ''
  socket.on('error', () => undefined)
  socket.on('data', (piece: Buffer) => {
    text += piece.toString('latin1')
  })
  await once(socket, 'close')
  return text
}

export function recordingLogger(): { logger: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = []
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>)
  return { logger: pino({ level: 'debug' }, { write }), lines }
}
