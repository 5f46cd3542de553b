import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setInterval, setTimeout as sleep } from 'node:timers/promises'

export interface ServedRequest {
  /** Of all, from 1. */
  readonly index: number
  /** Without the leading slash: a repository's key. */
  readonly path: string
  readonly range: string | undefined
  readonly ifRange: string | undefined
}

export type ServerFault =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Record<string, string> }
  /** The connection ends after so many bytes of the body. */
  | { readonly kind: 'cut'; readonly after: number }
  /** These bytes in the place of the right ones. */
  | { readonly kind: 'bytes'; readonly body: Uint8Array }
  /** A body that never ends. */
  | { readonly kind: 'endless' }
  /** One byte now and then. */
  | { readonly kind: 'drip'; readonly everyMs: number }
  /** Nothing at all. */
  | { readonly kind: 'silence' }
  /** Not HTTP. */
  | { readonly kind: 'babble' }
  /** Another range than the one that was asked for. */
  | { readonly kind: 'wrong-range' }
  /** The whole, whatever range was asked for. */
  | { readonly kind: 'no-range' }
  | { readonly kind: 'content-length'; readonly bytes: number }

/** Serves the files below a directory as any static server does, counts what it sends, and fails as it is told. */
export class FileServer implements AsyncDisposable {
  readonly requests: ServedRequest[] = []
  /** Of bodies. */
  bytes = 0
  /** Asked before each answer. */
  fault: (request: ServedRequest) => ServerFault | undefined | void = () => undefined
  /** Replaces a file's bytes on the way, and its validator with them. */
  rewrite: (path: string, body: Buffer) => Buffer = (_, body) => body
  /** The validator of a body. */
  etagOf = (whole: Buffer): string => `"${createHash('sha256').update(whole).digest('hex').slice(0, 16)}"`
  readonly #directory: string
  readonly #server: Server
  readonly #scheme: 'http' | 'https'
  readonly #closing = new AbortController()

  private constructor(directory: string, tls: ServerOptions | undefined) {
    this.#directory = directory
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#answer(request, response).catch(() => response.destroy())
    }
    this.#server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer)
    this.#scheme = tls === undefined ? 'http' : 'https'
  }

  static async start(directory: string, tls?: ServerOptions): Promise<FileServer> {
    const server = new FileServer(directory, tls)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  /** The keys that were asked for, since the start or the last `forget`. */
  get paths(): string[] {
    return this.requests.map(({ path }) => path)
  }

  count(prefix: string): number {
    return this.paths.filter((path) => path.startsWith(prefix)).length
  }

  forget(): void {
    this.requests.length = 0
    this.bytes = 0
  }

  /** Serves faithfully again. */
  behave(): void {
    this.fault = () => undefined
    this.rewrite = (_, body) => body
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname.slice(1))
    const { range, 'if-range': ifRange } = request.headers
    const served: ServedRequest = {
      index: this.requests.length + 1,
      path,
      range,
      ifRange: typeof ifRange === 'string' ? ifRange : undefined,
    }
    this.requests.push(served)
    const fault = this.fault(served) ?? undefined
    response.on('error', () => undefined)
    if (fault?.kind === 'status') this.#end(response, fault.status, fault.headers ?? {}, Buffer.alloc(0))
    else if (fault?.kind === 'silence') return
    else if (fault?.kind === 'babble') response.socket?.end('220 mail.example ESMTP\r\n')
    else if (fault?.kind === 'endless') await this.#endless(response)
    else await this.#file(served, response, fault)
  }

  async #file(
    served: ServedRequest,
    response: ServerResponse,
    fault: ServerFault | undefined,
  ): Promise<void> {
    const found = this.#read(served.path)
    if (found === undefined) return this.#end(response, 404, {}, Buffer.alloc(0))
    const whole = fault?.kind === 'bytes' ? Buffer.from(fault.body) : found
    const etag = this.etagOf(whole)
    const start = fault?.kind === 'no-range' ? undefined : startOf(served, etag, whole.length)
    if (start === 'beyond') return this.#end(response, 416, { etag }, Buffer.alloc(0))
    const from = fault?.kind === 'wrong-range' && start !== undefined ? Math.max(0, start - 1) : (start ?? 0)
    const body = whole.subarray(from)
    const headers = {
      etag,
      ...(start !== undefined && {
        'content-range': `bytes ${from}-${whole.length - 1}/${whole.length}`,
      }),
    }
    const status = start === undefined ? 200 : 206
    if (fault?.kind === 'cut') return this.#cut(response, status, headers, body, fault.after)
    if (fault?.kind === 'drip') return this.#drip(response, status, headers, body, fault.everyMs)
    const length = fault?.kind === 'content-length' ? fault.bytes : body.length
    if (length !== body.length) return this.#lie(response, headers, body, length)
    return this.#end(response, status, headers, body)
  }

  #read(path: string): Buffer | undefined {
    const file = join(this.#directory, path)
    if (path.includes('..') || statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined
    return this.rewrite(path, readFileSync(file))
  }

  #end(response: ServerResponse, status: number, headers: Record<string, string>, body: Buffer): void {
    this.bytes += body.length
    response.writeHead(status, { ...headers, 'content-length': body.length }).end(body)
  }

  #cut(
    response: ServerResponse,
    status: number,
    headers: Record<string, string>,
    body: Buffer,
    after: number,
  ): void {
    const sent = body.subarray(0, after)
    this.bytes += sent.length
    response.writeHead(status, { ...headers, 'content-length': body.length })
    response.write(sent, () => response.socket?.destroySoon())
  }

  async #drip(
    response: ServerResponse,
    status: number,
    headers: Record<string, string>,
    body: Buffer,
    everyMs: number,
  ): Promise<void> {
    response.writeHead(status, { ...headers, 'content-length': body.length })
    for (let i = 0; i < body.length && !response.destroyed; i++) {
      response.write(body.subarray(i, i + 1))
      this.bytes++
      await sleep(everyMs, undefined, { signal: this.#closing.signal })
    }
    response.end()
  }

  async #endless(response: ServerResponse): Promise<void> {
    response.writeHead(200, { etag: '"endless"' })
    const piece = Buffer.alloc(64 * 1024, 'x')
    for await (const _ of setInterval(1)) {
      if (response.destroyed) return
      for (let room = true; room;) {
        this.bytes += piece.length
        room = response.write(piece)
      }
    }
  }

  /** Says another length than it sends, which node:http would not do. */
  #lie(response: ServerResponse, headers: Record<string, string>, body: Buffer, length: number): void {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    response.socket?.write(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n${lines.join('')}\r\n`)
    response.socket?.end(body)
  }
}

function startOf(served: ServedRequest, etag: string, length: number): number | 'beyond' | undefined {
  const start = /^bytes=(\d+)-$/.exec(served.range ?? '')?.[1]
  if (start === undefined) return undefined
  if (served.ifRange !== undefined && served.ifRange !== etag) return undefined
  return Number(start) < length ? Number(start) : 'beyond'
}
