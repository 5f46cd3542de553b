import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, startServerProgram } from './server-program.ts'

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
  const program = await startServerProgram({
    command: 'tinyproxy',
    args: ['-d', '-c', configuration],
    port,
    // By its own way it would wait for whoever is connected.
    endSignal: 'SIGKILL',
  })
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    log: () => readFileSync(log, 'utf8'),
    [Symbol.asyncDispose]: async () => {
      await program[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true })
    },
  }
}
