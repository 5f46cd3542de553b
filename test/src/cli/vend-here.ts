import { EventEmitter } from 'node:events'
import { clientProgram } from '../../../src/cli/client-main.ts'
import { runProgram } from '../../../src/cli/run-program.ts'
import { vendProgram } from '../../../src/cli/vend-main.ts'

/** A stream that remembers. */
export class Memo extends EventEmitter {
  text = ''
  readonly isTTY: boolean
  readonly columns = 200

  constructor(isTTY = false) {
    super()
    this.isTTY = isTTY
  }

  write(text: string | Uint8Array): boolean {
    this.text += typeof text === 'string' ? text : Buffer.from(text).toString('utf8')
    return true
  }
}

/** A command line run in this process, which saves its start; the working directory is that of the tests. */
export async function vendHere(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<HereOutcome> {
  return runHere(vendProgram, args, env)
}

/** As `vendHere`, of the client; `isTTY`: whether stderr is a terminal. */
export async function clientHere(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  isTTY = false,
): Promise<HereOutcome> {
  return runHere(clientProgram, args, env, isTTY)
}

export interface HereOutcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function runHere(
  program: typeof vendProgram,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  isTTY = false,
): Promise<HereOutcome> {
  const [stdout, stderr] = [new Memo(), new Memo(isTTY)]
  const code = await runProgram(program, args, { stdout, stderr, env })
  return { code, stdout: stdout.text, stderr: stderr.text }
}
