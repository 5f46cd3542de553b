import { EventEmitter } from 'node:events'
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
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const [stdout, stderr] = [new Memo(), new Memo()]
  const code = await runProgram(vendProgram, args, { stdout, stderr, env })
  return { code, stdout: stdout.text, stderr: stderr.text }
}
