import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface RunningProxy extends AsyncDisposable {
  /** Without credentials. */
  readonly url: string
  readonly port: number
  /** What it says of the requests so far. */
  log(): string
}

/** tinyproxy on a free port of the loopback interface; `auth`: `user password`. Ends when disposed of. */
export async function startTinyproxy(auth?: string): Promise<RunningProxy> {
  const directory = mkdtempSync(join(tmpdir(), 'vend-proxy-'))
  const [port, log] = [await freePort(), join(directory, 'log')]
  const lines = [`Port ${port}`, 'Listen 127.0.0.1', 'Timeout 60', `LogFile "${log}"`, 'LogLevel Info']
  const configuration = join(directory, 'conf')
  writeFileSync(
    configuration,
    [...lines, ...(auth === undefined ? [] : [`BasicAuth ${auth}`]), ''].join('\n'),
  )
  const child = spawn('tinyproxy', ['-d', '-c', configuration], { stdio: 'ignore' })
  const ended = once(child, 'close')
  await accepts(port)
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    log: () => readFileSync(log, 'utf8'),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL')
      await ended
      rmSync(directory, { recursive: true })
    },
  }
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

async function accepts(port: number): Promise<void> {
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
