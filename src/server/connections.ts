import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Knows which connections of a server have a request in progress, so that a server which closes can let these end
 * and cut all others at once, also those that never sent a whole request.
 */
export class Connections {
  readonly #server: Server
  readonly #accepted = new Map<Socket, string>()
  /** Requests in progress, by peer: under TLS the socket that was accepted is not the one that requests know. */
  readonly #requests = new Map<string, number>()
  #closing = false

  constructor(server: Server) {
    this.#server = server
    server.on('connection', (socket: Socket) => this.#accept(socket))
    server.prependListener('request', (req, res) => this.#begin(req, res))
  }

  /** Stops accepting, lets requests in progress end for as long as `graceMs`, then cuts what is left. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#cut((peer) => !this.#requests.has(peer))
    const grace = setTimeout(() => this.#cut(() => true), graceMs)
    await closed
    clearTimeout(grace)
  }

  #cut(which: (peer: string) => boolean): void {
    for (const [socket, peer] of this.#accepted) if (which(peer)) socket.destroy()
  }

  #accept(socket: Socket): void {
    this.#accepted.set(socket, peerOf(socket))
    socket.once('close', () => this.#accepted.delete(socket))
  }

  #begin({ socket }: IncomingMessage, res: ServerResponse): void {
    const peer = peerOf(socket)
    this.#requests.set(peer, (this.#requests.get(peer) ?? 0) + 1)
    if (this.#closing) res.setHeader('Connection', 'close')
    res.once('close', () => this.#end(peer, socket))
  }

  #end(peer: string, socket: Socket): void {
    const left = (this.#requests.get(peer) ?? 1) - 1
    if (left > 0) this.#requests.set(peer, left)
    else this.#requests.delete(peer)
    if (this.#closing && left === 0) socket.destroySoon()
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
