import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server that is no program of ours. */
export interface ServerProgram {
  readonly command: string
  readonly args: readonly string[]
  /** Of the loopback interface, where it will listen. */
  readonly port: number
  /** What ends it, at once. */
  readonly endSignal: NodeJS.Signals
}

/** Starts a server program and waits until it listens; ends when disposed of. /usr/sbin counts, as it does for root. */
export async function startServerProgram(program: ServerProgram): Promise<AsyncDisposable> {
  const { command, args, port, endSignal } = program
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` }
  const child = spawn(command, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = once(child, 'close')
  const stop = async (): Promise<void> => {
    child.kill(endSignal)
    await ended
  }
  try {
    await Promise.race([listens(port), endedEarly(command, ended)])
  } catch (error) {
    await stop()
    throw error
  }
  return { [Symbol.asyncDispose]: stop }
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function endedEarly(command: string, ended: Promise<unknown[]>): Promise<never> {
  const [code] = await ended
  throw new Error(`${command} ended with ${String(code)} before it listened`)
}

async function listens(port: number): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const socket = connect(port, '127.0.0.1')
    const isThere = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (isThere) return
    await sleep(25)
  }
  throw new Error(`nothing listens on port ${port}`)
}
